"""Slack over real HTTP: its wire formats both ways, its signature, and who presses."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx
import pytest
from slack_sdk.signature import SignatureVerifier

from hitl_core.channels.messages import Route
from hitl_core.channels.messages.sending import sender_of
from hitl_core.commands import ListSlips, SlipKind
from hitl_core.errors import ConfigError
from hitl_core.protocol import RunState
from tests.core.shop import only
from tests.server.messages.office import Office, asked
from tests.server.messages.wires import Call, Web, web

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


def route(other: Web, **more: Any) -> Route:
    return Route("slack", "slack", "#approvals", token="xoxb-1", secret=SECRET, url=f"{other.url}/api/", **more)


def given(call: Call) -> dict[str, Any]:
    """What a call of the Web API says, however the client has written it."""
    if call.headers["content-type"].startswith("application/json"):
        return dict(call.json)
    fields = {key: values[0] for key, values in parse_qs(call.body.decode()).items()}
    return {key: json.loads(value) if value[:1] in "[{" else value for key, value in fields.items()}


async def press(
    client: httpx.AsyncClient, payload: dict[str, Any], *, secret: str = SECRET, age: int = 0
) -> httpx.Response:
    """What Slack posts to the request URL of an app."""
    body, at = urlencode({"payload": json.dumps(payload)}), str(int(time.time()) - age)
    signature = SignatureVerifier(secret).generate_signature(timestamp=at, body=body)
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": at,
        "x-slack-signature": str(signature),
    }
    return await client.post("/hooks/slack/slack", content=body, headers=headers)


def button(call: Call, action: str, *, user: str = "U1ANN", trigger: str = "17.5") -> dict[str, Any]:
    """`block_actions`, for a button of the message that was posted."""
    (actions,) = [block for block in given(call)["blocks"] if block["type"] == "actions"]
    (pressed,) = [each for each in actions["elements"] if each["action_id"] == f"hitl:{action}"]
    return {
        "type": "block_actions",
        "user": {"id": user},
        "trigger_id": trigger,
        "container": {"type": "message", "channel_id": "C1", "message_ts": "1700.1"},
        "actions": [{"type": "button", "action_id": pressed["action_id"], "value": pressed.get("value")}],
    }


def submitted(opened: Call, block: str, text: str, *, user: str = "U1ANN") -> dict[str, Any]:
    """`view_submission` of the modal that was opened."""
    view = given(opened)["view"]
    values = {block: {block: {"type": "plain_text_input", "value": text}}}
    view |= {"id": "V1", "state": {"values": values}}
    return {"type": "view_submission", "user": {"id": user}, "view": view}


async def test_a_team_is_told_and_one_of_it_approves(office: Office) -> None:
    with web() as other:
        async with office.open(route(other)) as (hitl, client):
            run = await asked(hitl)
            (posted,) = other.calls
            assert posted.path == "/api/chat.postMessage"
            assert posted.headers["authorization"] == "Bearer xoxb-1"
            assert given(posted)["channel"] == "#approvals"
            assert (await press(client, button(posted, "approve"))).status_code == 200
            assert (await press(client, button(posted, "approve"))).status_code == 200  # Slack tries again
            updated = given(other.calls[-1])
            assert other.calls[-1].path == "/api/chat.update"
            assert (updated["channel"], updated["ts"]) == ("C1", "1700.1")
            assert "Ann Ames: approve" in updated["text"]
            assert "actions" not in {block["type"] for block in updated["blocks"]}
            await hitl.resume(run.id)
            decided = (await hitl.request(only(run).id)).response
            assert decided is not None
            assert (decided.responder.id, decided.responder.authenticated_by) == ("ann", "slack")
    assert office.shop.ledger.count() == 1


async def test_a_rejection_asks_for_the_reason(office: Office) -> None:
    with web() as other:
        async with office.open(route(other)) as (hitl, client):
            run = await asked(hitl)
            await press(client, button(other.calls[0], "reject"))
            assert other.calls[1].path == "/api/views.open"
            assert (await hitl.run(run.id)).state is RunState.PAUSED
            sent = await press(client, submitted(other.calls[1], "reason", "Not this one."))
            assert sent.json() == {"response_action": "clear"}
            assert "Not this one." in str((await hitl.resume(run.id)).output)
    assert office.shop.ledger.count() == 0


async def test_an_edit_keeps_types_and_its_faults_are_shown_in_the_modal(office: Office) -> None:
    with web() as other:
        async with office.open(route(other)) as (hitl, client):
            run = await asked(hitl)
            await press(client, button(other.calls[0], "edit"))
            opened = other.calls[1]
            for text in ("{", "[1]", '{"order": "A-1042", "amount": "much"}'):
                wrong = (await press(client, submitted(opened, "arguments", text))).json()
                assert wrong["response_action"] == "errors"
                assert wrong["errors"]["arguments"]
            text = '{"order": "A-1042", "amount": 20.25}'
            assert (await press(client, submitted(opened, "arguments", text))).json() == {"response_action": "clear"}
            await hitl.resume(run.id)
    (paid,) = office.shop.ledger.lines("refund")
    assert paid["amount"] == 20.25


async def test_who_may_not_or_is_not_known_is_told_so_alone(office: Office) -> None:
    with web() as other:
        async with office.open(route(other)) as (hitl, client):
            run = await asked(hitl)
            for user, said in (("U2BEN", "may not"), ("U9EVE", "not known")):
                await press(client, button(other.calls[0], "approve", user=user, trigger=user))
                told = given(other.calls[-1])
                assert other.calls[-1].path == "/api/chat.postEphemeral"
                assert told["user"] == user
                assert told["text"]
                assert said in told["text"] or "role" in told["text"]
            assert (await hitl.run(run.id)).state is RunState.PAUSED


async def test_what_is_not_signed_by_slack_or_is_old_is_refused(office: Office) -> None:
    with web() as other:
        async with office.open(route(other)) as (hitl, client):
            run = await asked(hitl)
            pressed = button(other.calls[0], "approve")
            refused = [
                await press(client, pressed, secret="another"),
                await press(client, pressed, age=400),
                await press(client, pressed, age=-400),
                await client.post("/hooks/slack/slack", data={"payload": json.dumps(pressed)}),
                await client.post(
                    "/hooks/slack/slack",
                    content=b"\xff",
                    headers={"x-slack-request-timestamp": "soon", "x-slack-signature": "v0=1"},
                ),
            ]
            assert [each.status_code for each in refused] == [401] * len(refused)
            assert len(other.calls) == 1
            assert (await hitl.run(run.id)).state is RunState.PAUSED


async def test_what_is_signed_and_makes_no_sense_changes_nothing(office: Office) -> None:
    with web() as other:
        async with office.open(route(other)) as (hitl, client):
            run = await asked(hitl)
            odd = {"type": "block_actions", "user": {}, "actions": []}
            assert (await press(client, odd)).status_code == 400
            assert (await press(client, {"type": "shortcut"})).status_code == 200
            assert (await hitl.run(run.id)).state is RunState.PAUSED


async def test_a_button_of_what_is_over_opens_nothing(office: Office) -> None:
    with web() as other:
        async with office.open(route(other)) as (hitl, client):
            run = await asked(hitl)
            await hitl.respond(only(run).reject(by="ann"))
            for action in ("reject", "edit", "approve"):
                await press(client, button(other.calls[0], action, trigger=action))
                assert other.calls[-1].path == "/api/chat.postEphemeral"
            await hitl.resume(run.id)
    assert office.shop.ledger.count() == 0


async def test_a_button_from_before_decides_nothing_where_nobody_may_any_more(office: Office) -> None:
    with web() as other:
        async with office.open(route(other)) as (hitl, _):
            run = await asked(hitl)
        async with office.open(route(other, decide=False)) as (hitl, client):
            assert (await press(client, button(other.calls[0], "approve"))).status_code == 404
            assert (await hitl.run(run.id)).state is RunState.PAUSED


async def test_who_may_not_decide_is_shown_no_arguments(office: Office) -> None:
    """What stands in a modal is more than the message says, and a whole room can press its buttons."""
    with web() as other:
        async with office.open(route(other)) as (hitl, client):
            await asked(hitl)
            for user, said in (("U2BEN", "may not"), ("U9EVE", "not known")):
                for action in ("edit", "reject"):
                    await press(client, button(other.calls[0], action, user=user, trigger=user + action))
                    told = given(other.calls[-1])
                    assert (other.calls[-1].path, told["user"]) == ("/api/chat.postEphemeral", user)
                    assert said in told["text"] or "role" in told["text"]
            assert [call for call in other.calls if call.path == "/api/views.open"] == []


async def test_what_was_decided_stands_though_slack_does_not_show_it(office: Office) -> None:
    with web() as other:
        async with office.open(route(other)) as (hitl, client):
            run = await asked(hitl)
            other.answers.append((200, {"ok": False, "error": "message_not_found"}))
            assert (await press(client, button(other.calls[0], "approve"))).status_code == 200
            assert (await hitl.resume(run.id)).state is RunState.COMPLETED


@pytest.mark.parametrize(("error", "left"), [("channel_not_found", 0), ("ratelimited", 1)])
async def test_whether_a_message_is_tried_again(office: Office, error: str, left: int) -> None:
    with web() as other:
        other.answers.append((200, {"ok": False, "error": error}))
        async with office.open(route(other)) as (hitl, _):
            await asked(hitl)
            found = await hitl.store.fetch(ListSlips(SlipKind.MESSAGE, office.shop.clock.now()))
    assert len(found.items) == left


def test_a_token_and_a_secret_are_asked_for_at_the_start() -> None:
    with pytest.raises(ConfigError, match=r"messages\.slack\.token.*messages\.slack\.secret"):
        sender_of(Route("slack", "slack", "#approvals"))

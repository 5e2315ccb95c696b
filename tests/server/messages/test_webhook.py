"""Webhooks over real HTTP: what we send can be checked by anybody's library, and only what is signed is taken."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from hitl_core.channels.messages import Route
from hitl_core.channels.messages.outbox import FIRST_WAIT
from hitl_core.channels.messages.sending import sender_of
from hitl_core.commands import ListSlips, SlipKind
from hitl_core.errors import ConfigError
from hitl_core.protocol import PauseRequest, RunState
from tests.core.shop import only, policy, rule, trail
from tests.server.messages.office import PEOPLE, Office, asked
from tests.server.messages.wires import Web, web

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four!").decode()


def route(other: Web, *, speaks_for: tuple[str, ...] = ("ann", "ben")) -> Route:
    return Route("hook", "webhook", f"{other.url}/in", secret=SECRET, speaks_for=speaks_for)


def answer(request: PauseRequest, decision: dict[str, Any], **more: Any) -> dict[str, Any]:
    data = {"request_id": request.id, "digest": request.digest, "decision": decision, "by": "ann"}
    return {"type": "hitl.response", "data": data | more}


async def bring(
    client: httpx.AsyncClient,
    body: dict[str, Any],
    *,
    id: str = "msg_1",
    secret: str = SECRET,
    at: datetime | None = None,
    changed: str | None = None,
) -> httpx.Response:
    """A webhook as somebody's own system would send it; `changed` is the body that arrives."""
    text, now = json.dumps(body), at or datetime.now(UTC)
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, now, text),
    }
    return await client.post("/hooks/webhook/hook", content=changed or text, headers=headers)


async def test_what_is_sent_is_signed_and_has_the_form_of_the_protocol(office: Office) -> None:
    with web() as other:
        async with office.open(route(other)) as (hitl, _):
            request = only(await asked(hitl))
    (call,) = other.calls
    Webhook(SECRET).verify(call.body, call.headers)
    assert call.json["type"] == "hitl.requests"
    (item,) = call.json["data"]["requests"]
    assert PauseRequest.model_validate(item["request"]).digest == request.digest
    assert "handle" not in item["request"]
    assert item["link"].endswith(f"/requests/{request.id}")


async def test_one_that_is_tried_again_keeps_its_id(office: Office) -> None:
    with web() as other:
        other.answers += [(503, {}), (200, {})]
        async with office.open(route(other)) as (hitl, _):
            await asked(hitl)
            office.shop.clock.advance(FIRST_WAIT.total_seconds())
            await hitl.tick()
            await hitl._announcer.close()
    assert len(other.calls) == 2
    assert len({call.headers["webhook-id"] for call in other.calls}) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
async def test_one_that_is_refused_for_good_is_not_tried_again(office: Office, status: int) -> None:
    with web() as other:
        other.answers.append((status, {}))
        async with office.open(route(other)) as (hitl, _):
            await asked(hitl)
            left = await hitl.store.fetch(ListSlips(SlipKind.MESSAGE, office.shop.clock.now()))
    assert left.items == ()


async def test_a_redirect_is_not_followed(office: Office) -> None:
    with web() as other:
        other.answers.append((307, {}))
        async with office.open(route(other)) as (hitl, _):
            await asked(hitl)
    assert len(other.calls) == 1


async def test_an_answer_that_is_signed_is_taken_once(office: Office) -> None:
    with web() as other:
        async with office.open(route(other)) as (hitl, client):
            run = await asked(hitl)
            body = answer(only(run), {"type": "approve"}, reason="as agreed")
            first, again = await bring(client, body), await bring(client, body)
            assert (first.status_code, again.status_code) == (200, 200)
            assert [each.json()["replayed"] for each in (first, again)] == [False, True]
            other_one = await bring(client, answer(only(run), {"type": "reject"}), id="msg_2")
            assert (other_one.status_code, other_one.json()["code"]) == (409, "HITL-D03")
            await hitl.resume(run.id)
            decided = (await hitl.request(only(run).id)).response
            assert decided is not None
            assert (decided.responder.channel, decided.responder.authenticated_by) == ("hook", "webhook")
            assert decided.reason == "as agreed"
    assert office.shop.ledger.count() == 1


async def test_what_is_not_signed_is_not_read(office: Office) -> None:
    forged = "whsec_" + base64.b64encode(b"another one of the same!").decode()
    with web() as other:
        async with office.open(route(other)) as (hitl, client):
            run = await asked(hitl)
            body = answer(only(run), {"type": "approve"})
            now = datetime.now(UTC)
            refused = [
                await client.post("/hooks/webhook/hook", json=body),
                await bring(client, body, secret=forged),
                await bring(client, body, at=now - timedelta(minutes=6)),
                await bring(client, body, at=now + timedelta(minutes=6)),
                await bring(client, body, changed=json.dumps(answer(only(run), {"type": "approve"}, by="ben"))),
                await client.post(
                    "/hooks/webhook/hook",
                    json=body,
                    headers={
                        "webhook-id": "1",
                        "webhook-timestamp": str(now.timestamp()),
                        "webhook-signature": "v1,%%",
                    },
                ),
            ]
            assert [each.status_code for each in refused] == [401] * len(refused)
            assert (await hitl.run(run.id)).state is RunState.PAUSED


async def test_what_is_signed_and_wrong_is_refused_by_name(office: Office) -> None:
    with web() as other:
        async with office.open(route(other)) as (hitl, client):
            run = await asked(hitl)
            wrong = await bring(client, answer(only(run), {"type": "approve"}, digest="0" * 64))
            assert (wrong.status_code, "digest" in wrong.json()["detail"]) == (409, True)
            stranger = await bring(client, answer(only(run), {"type": "approve"}, by="ben"), id="msg_3")
            assert (stranger.status_code, stranger.json()["code"]) == (409, "HITL-D06")
            odd = await bring(client, {"type": "hitl.response", "data": {"extra": 1}}, id="msg_4")
            assert odd.status_code == 422
            assert {each["path"] for each in odd.json()["faults"]} >= {"data.request_id", "data.extra"}
            assert (await client.post("/hooks/webhook/other", json={})).status_code == 404
            assert (await client.post("/hooks/slack/hook", json={})).status_code == 404
            assert (await hitl.run(run.id)).state is RunState.PAUSED


@pytest.mark.parametrize("speaks_for", [(), ("ben",), ("Ann",), ("*",)])
async def test_in_the_name_of_whom_it_may_not_speak_for_it_decides_nothing(
    office: Office, speaks_for: tuple[str, ...]
) -> None:
    """Also where nothing is configured: then it speaks for nobody. That it was tried is recorded."""
    with web() as other:
        async with office.open(route(other, speaks_for=speaks_for)) as (hitl, client):
            run = await asked(hitl)
            refused = await bring(client, answer(only(run), {"type": "approve"}))
            assert refused.status_code == 403
            assert "speaks_for of [messages.hook]" in refused.json()["faults"][0]["problem"]
            assert (await hitl.run(run.id)).state is RunState.PAUSED
            (line,) = [each for each in await trail(hitl) if each.event == "request.refused"]
            said = json.loads(line.body)
            assert (line.actor, line.subject) == ("ann", only(run).id)
            assert (said["channel"], said["authenticated_by"]) == ("hook", "webhook")
    assert office.shop.ledger.count() == 0


async def test_it_speaks_for_who_has_an_address_by_it(office: Office) -> None:
    office.shop.people(PEOPLE.replace('slack = "U1ANN"', 'slack = "U1ANN", hook = "yes"'))
    with web() as other:
        async with office.open(route(other, speaks_for=())) as (hitl, client):
            run = await asked(hitl)
            assert (await bring(client, answer(only(run), {"type": "approve"}, by="ben"))).status_code == 403
            assert (await bring(client, answer(only(run), {"type": "approve"}), id="msg_2")).status_code == 200
            await hitl.resume(run.id)
    assert office.shop.ledger.count() == 1


async def test_about_what_there_is_not_it_is_told_the_same(office: Office) -> None:
    with web() as other:
        async with office.open(route(other, speaks_for=("ben",))) as (hitl, client):
            run = await asked(hitl)
            found = [
                await bring(client, answer(only(run), {"type": "approve"}, request_id=id), id=f"msg_{number}")
                for number, id in enumerate((only(run).id, "0" * 36, "nothing"))
            ]
            assert [each.status_code for each in found] == [403] * 3
            assert len({each.text for each in found}) == 1


@pytest.mark.parametrize(("speaks_for", "status"), [((), 403), (("ben",), 403), (("ann",), 200)])
async def test_without_a_directory_it_speaks_for_whom_it_names(
    office: Office, speaks_for: tuple[str, ...], status: int
) -> None:
    office.shop.directory, office.shop.policy = None, policy(rule("any", level="confirm"))
    with web() as other:
        async with office.open(route(other, speaks_for=speaks_for)) as (hitl, client):
            run = await asked(hitl)
            assert (await bring(client, answer(only(run), {"type": "approve"}))).status_code == status


async def test_who_is_in_no_directory_is_nobody_though_it_names_them(office: Office) -> None:
    with web() as other:
        async with office.open(route(other, speaks_for=("root",))) as (hitl, client):
            run = await asked(hitl)
            assert (await bring(client, answer(only(run), {"type": "reject"}, by="root"))).status_code == 403


async def test_by_a_route_that_lets_nobody_decide_nothing_is_decided(office: Office) -> None:
    with web() as other:
        closed = Route("hook", "webhook", f"{other.url}/in", secret=SECRET, decide=False)
        async with office.open(closed) as (hitl, client):
            run = await asked(hitl)
            refused = await bring(client, answer(only(run), {"type": "approve"}))
            assert refused.status_code == 404
            assert (await hitl.run(run.id)).state is RunState.PAUSED


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%%%"])
def test_a_secret_that_is_none_is_told_at_the_start(secret: str) -> None:
    with pytest.raises(ConfigError, match=r"messages\.hook\.secret"):
        sender_of(Route("hook", "webhook", "https://example.com", secret=secret))


def test_an_address_that_is_none_is_told_at_the_start() -> None:
    with pytest.raises(ConfigError, match=r"messages\.hook\.to"):
        sender_of(Route("hook", "webhook", "example.com", secret=SECRET))

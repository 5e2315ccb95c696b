"""What goes over the wire, as it is recorded in `golden/`: out by SMTP and HTTP, and in from Slack and a webhook.

`HITL_GOLDEN=write` writes what goes out anew, to be read before it is committed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from hitl_core.channels.messages import Route
from hitl_core.config import Serving
from hitl_core.protocol import Hours, RunState
from hitl_core.runtime import Runtime
from hitl_core.server import create_app
from tests.cli.shop import PATIENCE
from tests.core.shop import only, policy, rule
from tests.server.messages import test_slack as slack
from tests.server.messages import test_webhook as hook
from tests.server.messages.office import URL, Office, asked
from tests.server.messages.test_mail import route as by_mail
from tests.server.messages.wires import Call, Mailbox, mailbox, web
from tests.server.site import served

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd")

GOLDEN = Path(__file__).parent / "golden"
CHANGING = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
    (r"/l/[\w-]{43}", "/l/SECRET"),
    (r"http://127\.0\.0\.1:\d+", "http://HOST"),
    (r"v1,[A-Za-z0-9+/=]+", "v1,SIGNATURE"),
    (r'("webhook-timestamp": )"\d+"', r'\1"SECONDS"'),
    (r"msg_[0-9a-f]{32}", "msg_ID"),
    (r'("timestamp": )"[^"]+"', r'\1"TIME"'),
    (r'("definition": )"sha256:[0-9a-f]{64}"', r'\1"DIGEST"'),
    (r"\r\n", "\n"),
)
"""What is another one each time."""


def is_recorded(name: str, text: str) -> None:
    """Whether this is what is recorded, but for what is another one each time."""
    for pattern, instead in CHANGING:
        text = re.sub(pattern, instead, text)
    golden = GOLDEN / name
    if os.environ.get("HITL_GOLDEN") == "write":
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), f"read what HITL_GOLDEN=write makes of {name}"


def as_text(post: Mailbox) -> str:
    """The mails: to whom, what a mail program shows of the head, and the text."""
    return "".join(_mail(to, mail) for to, mail in post.mails)


def _mail(to: tuple[str, ...], mail: Any) -> str:
    body = mail.get_body(("plain", "html"))
    head = "".join(f"{name}: {mail[name]}\n" for name in ("From", "To", "Subject"))
    return f"RCPT TO: {', '.join(to)}\n{head}Content-Type: {body.get_content_type()}\n\n{body.get_content()}\n"


def of_calls(*calls: Call, heads: tuple[str, ...] = ("authorization",)) -> str:
    """HTTP requests, with the heads that count."""
    told = [
        {"path": call.path, "headers": {name: call.headers[name] for name in heads}, "body": slack.given(call)}
        for call in calls
    ]
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


# ── out ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_mail(office: Office) -> None:
    with mailbox() as post:
        async with office.open(by_mail(post)) as (hitl, _):
            await asked(hitl)
    is_recorded("mail.txt", as_text(post))


async def test_a_webhook(office: Office) -> None:
    with web() as other:
        async with office.open(hook.route(other)) as (hitl, _):
            await asked(hitl)
    heads = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature")
    is_recorded("webhook.json", of_calls(*other.calls, heads=heads))


async def test_slack_and_what_becomes_of_a_message_there(office: Office) -> None:
    with web() as other:
        async with office.open(slack.route(other)) as (hitl, client):
            await asked(hitl)
            for action in ("reject", "edit", "approve"):
                await slack.press(client, slack.button(other.calls[0], action))
    is_recorded("slack.json", of_calls(*other.calls))


# ── in, over a socket ────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def over_http(office: Office, route: Route) -> AsyncIterator[tuple[Runtime, httpx.AsyncClient]]:
    """The office with a real server, and somebody elsewhere who posts to it."""
    async with office.open(route) as (hitl, _):
        app = create_app(hitl, Serving(url=URL), messages=(route,))
        async with served(app) as port:
            base, host = f"http://127.0.0.1:{port}", {"host": URL.removeprefix("https://")}
            async with httpx.AsyncClient(base_url=base, headers=host, timeout=PATIENCE) as client:
                yield hitl, client


def recorded(name: str, **filled: Any) -> dict[str, Any]:
    """A body that came in, with what is another one each time filled in: `"VALUE"` by `VALUE=…`."""
    text = (GOLDEN / name).read_text(encoding="utf-8")
    for word, value in filled.items():
        text = text.replace(f'"{word}"', json.dumps(value))
    found: dict[str, Any] = json.loads(text)
    return found


async def test_a_button_and_a_modal_of_slack(office: Office) -> None:
    with web() as other:
        async with over_http(office, slack.route(other)) as (hitl, client):
            run = await asked(hitl)
            pressed = slack.button(other.calls[0], "edit")["actions"][0]
            blocks = slack.given(other.calls[0])["blocks"]
            filled = {"ACTION": pressed["action_id"], "VALUE": pressed["value"], "BLOCKS": blocks}
            came = await slack.press(client, recorded("slack_block_actions.json", **filled))
            assert (came.status_code, other.calls[1].path) == (200, "/api/views.open")
            view = slack.submitted(other.calls[1], "arguments", '{"order": "A-1042", "amount": 20.25}')["view"]
            sent = await slack.press(client, recorded("slack_view_submission.json", VIEW=view))
            assert sent.json() == {"response_action": "clear"}
            assert (await hitl.resume(run.id)).state is RunState.COMPLETED
    assert [each["amount"] for each in office.shop.ledger.lines("refund")] == [20.25]


async def test_an_answer_by_webhook(office: Office) -> None:
    with web() as other:
        async with over_http(office, hook.route(other)) as (hitl, client):
            request = only(await asked(hitl))
            body = recorded("webhook_response.json", REQUEST=request.id, DIGEST=request.digest)
            came = await hook.bring(client, body)
            assert (came.status_code, came.json()["state"]) == (200, "decided")
            assert (await hook.bring(client, body)).json()["replayed"]
            await hitl.resume(request.run_id)
    assert office.shop.ledger.count() == 1


# ── when, over SMTP ──────────────────────────────────────────────────────────────────────────────────────────


async def goes_by(office: Office, hitl: Runtime, **time: float) -> None:
    """Time goes by, and what is due is done."""
    office.shop.clock.advance(**time)
    await hitl.tick()
    await hitl._announcer.close()


async def test_a_digest_is_one_mail(office: Office) -> None:
    with mailbox() as post:
        async with office.open(by_mail(post, digest=timedelta(hours=1))) as (hitl, _):
            first, _, _ = [await asked(hitl) for _ in range(3)]
            await goes_by(office, hitl, minutes=30)
            assert post.mails == []
            await hitl.respond(only(first).approve(by="ann"))
            await goes_by(office, hitl, minutes=30)
            await goes_by(office, hitl, hours=2)
    is_recorded("mail_digest.txt", as_text(post))
    assert as_text(post).count("/l/") == 2, "one of three is decided, and each of the others has its own link"


async def test_in_quiet_hours_a_mail_waits_for_the_morning(office: Office) -> None:
    day = Hours(name="day", zone="UTC", opens=time(8), closes=time(18))
    with mailbox() as post:
        office.shop.clock.advance(hours=12)  # nine in the evening
        async with office.open(by_mail(post, hours=day)) as (hitl, _):
            await asked(hitl)
            await goes_by(office, hitl, hours=10, minutes=59)
            assert post.mails == []
            await goes_by(office, hitl, minutes=1)
            assert [to for to, _ in post.mails] == [("ann@example.com",)]


async def test_a_reminder_and_an_escalation_are_mails_of_their_own(office: Office) -> None:
    """Ann is told, and reminded; then Ben is told too, and by his link he decides."""
    later = [{"after": "2h", "users": ["ben"]}]
    terms = rule("lead", level="confirm", approvers={"roles": ["lead"]}, remind=["1h"], escalate=later, deadline="9h")
    office.shop.policy = policy(terms)
    with mailbox() as post:
        async with office.open(by_mail(post)) as (hitl, browser):
            run = await asked(hitl)
            assert [to for to, _ in post.mails] == [("ann@example.com",)]
            await goes_by(office, hitl, hours=1)
            assert [to for to, _ in post.mails[1:]] == [("ann@example.com",)]
            await goes_by(office, hitl, hours=1)
            assert ("ben@example.com",) in [to for to, _ in post.mails[2:]]
            (link,) = [_link(mail) for to, mail in post.mails if to == ("ben@example.com",)]
            assert (await browser.post(link, data={"reply": "approve"})).status_code == 303
            assert (await hitl.resume(run.id)).state is RunState.COMPLETED
            said = (await hitl.request(only(run).id)).response
            assert said is not None
            assert said.responder.id == "ben"
            told = len(post.mails)
            await goes_by(office, hitl, hours=8)
            assert len(post.mails) == told, "nobody is told of what is decided"
    assert office.shop.ledger.count() == 1


def _link(mail: Any) -> str:
    (link,) = re.findall(rf"{re.escape(URL)}(/l/[\w-]+)", mail.get_body(("plain", "html")).get_content())
    return str(link)

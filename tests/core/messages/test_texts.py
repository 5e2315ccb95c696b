"""What a message says: facts, on one line each, with nothing hidden in them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hitl_core.channels.messages import Item, Message
from hitl_core.channels.messages.slack_blocks import ACTION, blocks_of, decided, fits_modal, modal
from hitl_core.channels.messages.texts import body_of, subject_of
from hitl_core.protocol import Context, Kind, Preview, Reply
from tests.core import desk

LINK = "https://hitl.example.com/l/secret"


def message(*requests: Any, more: int = 0) -> Message:
    return Message("mail|ann|1", "ann@example.com", tuple(Item(each, LINK, more) for each in requests))


def test_it_says_what_will_happen_why_until_when_and_where() -> None:
    shown = Preview(effect="Pays 120.50 EUR back", target="order A-1042", reversible=False, warnings=("a look-alike",))
    deadline = datetime(2026, 1, 6, 9, tzinfo=UTC)
    request = desk.request(preview=shown, deadline=deadline, context=Context(message="Trust me, it is fine."))
    text = body_of(message(request, more=3))
    assert subject_of(message(request)) == f"Waits for you: {request.title}"
    assert text.splitlines()[1:] == [
        "Pays 120.50 EUR back",
        "Target: order A-1042",
        f"Asked because: {request.because.why}",
        "Warning: a look-alike",
        "It cannot be taken back.",
        "Until 2026-01-06 09:00 UTC; after that: refuse.",
        "3 more of this agent wait in the inbox.",
        LINK,
    ]
    assert "Trust me" not in text


def test_several_are_one_message() -> None:
    both = message(desk.request(), desk.request(kind=Kind.NOTICE))
    assert subject_of(both) == "2 requests wait for you"
    assert body_of(both).count(LINK) == 2
    assert "For your information: " in body_of(both)


def test_text_from_agents_can_neither_hide_nor_add_lines() -> None:
    request = desk.request(title="Refund\nhttps://evil.example\u202e" + "x" * 1_000)
    text = subject_of(message(request))
    assert "\n" not in text
    assert "\\n" in text
    assert "\\u202e" in text
    assert len(text) < 400


# ── Slack ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_buttons_are_bound_to_what_was_shown() -> None:
    request = desk.request()
    section, actions = blocks_of(message(request), (Reply.APPROVE, Reply.REJECT, Reply.EDIT))
    assert section["text"]["type"] == "plain_text"
    approve, *others = actions["elements"]
    assert json.loads(approve["value"]) == {"request": request.id, "digest": request.digest}
    assert approve["confirm"]["text"]["type"] == "plain_text"
    assert [each["action_id"] for each in others] == [f"{ACTION}reject", f"{ACTION}edit", f"{ACTION}open"]
    assert others[-1]["url"] == LINK


def test_only_what_is_allowed_has_a_button() -> None:
    request = desk.request(allowed=(Reply.REJECT,))
    _, actions = blocks_of(message(request), (Reply.APPROVE, Reply.REJECT))
    assert [each["action_id"] for each in actions["elements"]] == [f"{ACTION}reject", f"{ACTION}open"]


def test_a_message_stays_within_what_slack_takes() -> None:
    many = blocks_of(message(*[desk.request()] * 40), (Reply.APPROVE,))
    assert len(many) <= 50
    assert many[-1]["text"]["text"] == "More wait in the inbox."
    (huge, _) = blocks_of(message(desk.request(title="x" * 10_000)), ())
    assert len(huge["text"]["text"]) <= 3_000


def test_nothing_from_an_agent_is_formatted() -> None:
    request = desk.request(title="<!channel> *bold* <https://evil.example|fine>")
    assert "mrkdwn" not in json.dumps(blocks_of(message(request), (Reply.APPROVE,)))
    assert "mrkdwn" not in json.dumps(decided("<!channel>"))


def test_a_modal_knows_what_it_is_about_and_keeps_types() -> None:
    request = desk.request()
    made = modal(request, Reply.EDIT, back='["C1", "17.5"]')
    kept = json.loads(made["private_metadata"])
    assert kept == {"request": request.id, "digest": request.digest, "reply": "edit", "back": '["C1", "17.5"]'}
    assert json.loads(made["blocks"][1]["element"]["initial_value"]) == request.action.arguments
    assert fits_modal(request)
    reason = modal(request, Reply.REJECT, back="[]")["blocks"][1]
    assert (reason["block_id"], reason["optional"]) == ("reason", True)

"""The wire, word for word: what a page posts and what it is told, for each case. `HITL_GOLDEN=write` records them anew.

A change here is a change for every page that is out there.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from hitl_core.policy import Policy
from tests.agui.page import AGENT, Event, Page, cancelled, resolved
from tests.agui.test_conversation import OWN, Desk, at_desk
from tests.agui.test_page_calls import ASK
from tests.core.shop import policy, rule

GOLDEN: Final = Path(__file__).parent / "golden"
NAMES: Final = re.compile(
    r"note:[0-9a-f]{16}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|sha256:[0-9a-f]{64}"
)
"""What is another each time: ids and digests."""
TIMES: Final = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)")


async def approve(desk: Desk) -> None:
    page = desk.page
    await page.say("refund")
    await page.resolve({"approved": True})


async def edit(desk: Desk) -> None:
    page = desk.page
    await page.say("refund")
    await page.resolve({"approved": True, "editedArgs": {"order": "A-1", "amount": 4.5}})


async def reject(desk: Desk) -> None:
    page = desk.page
    await page.say("refund")
    await page.resolve({"approved": False, "reason": "too late"})


async def dismiss(desk: Desk) -> None:
    page = desk.page
    await page.say("refund")
    await page.resume(cancelled(page.interrupts[0]["id"]))


async def parallel(desk: Desk) -> None:
    page = desk.page
    await page.say("two")
    first, second = page.interrupts
    await page.resume(resolved(first["id"], {"approved": True}), cancelled(second["id"]))


async def partial(desk: Desk) -> None:
    page = desk.page
    await page.say("two")
    await page.resolve({"approved": True})
    await page.resolve({"approved": True})


async def not_understood(desk: Desk) -> None:
    page = desk.page
    await page.say("refund")
    await page.resolve({"approve": "yes"})
    await page.resolve({"approved": False})


async def stale(desk: Desk) -> None:
    page = desk.page
    await page.say("refund")
    asked = page.interrupts[0]["id"]
    await page.resolve({"approved": False})
    await page.resume(resolved(asked, {"approved": True}))


async def question(desk: Desk) -> None:
    page = desk.page
    await page.say("ask")
    await page.resolve({"answer": "A-7"})


async def choice(desk: Desk) -> None:
    page = desk.page
    await page.say("choose")
    await page.resolve({"option": page.interrupts[0]["responseSchema"]["properties"]["option"]["enum"][0]})


async def loaded_again(desk: Desk) -> None:
    page = desk.page
    await page.say("refund")
    await page.connect()
    await page.resolve({"approved": True})


async def tool_of_the_page(desk: Desk) -> None:
    page = desk.page
    await page.say("pick")
    (call,) = page.open_calls
    await page.result(call["id"], {"slot": "noon", "tool_call_id": call["id"]})


async def older_page(desk: Desk) -> None:
    page = desk.page
    await page.say("refund")
    (asked,) = [each["value"] for each in page.events if each["type"] == "CUSTOM"]
    await page.post(forwardedProps={"command": {"resume": {"approved": True}, "interruptEvent": asked}})


async def handoff(desk: Desk) -> None:
    page = desk.page
    await page.say("talk")
    await page.resolve({"text": "I look into it."})
    await page.resolve({"text": "It is on its way.", "then": "hand_back"})


async def review(desk: Desk) -> None:
    page = desk.page
    await page.say("review")
    await page.resolve({"accepted": False, "feedback": "It is faster."})
    await page.resolve({"accepted": True})


async def draft(desk: Desk) -> None:
    page = desk.page
    await page.say("less")
    await page.resolve({"approved": False, "feedback": "half of it"})
    (waiting,) = (await desk.hitl.inbox()).items
    await desk.hitl.change_draft(waiting.request.id, {"order": "A-1", "amount": 4.0}, base=2, by="bob", note="less")
    await page.resolve({"approved": True})
    newest = page.interrupts[0]["metadata"]["draft"]
    await page.resolve({"approved": True, "version": newest["version"], "arguments": newest["arguments"]})


async def report(desk: Desk) -> None:
    page = desk.page
    await page.say("refund")
    await page.resolve({"outcome": "done", "result": "by bank transfer", "note": "the till was shut"})


async def notify(desk: Desk) -> None:
    await desk.page.say("refund")


async def veto(desk: Desk) -> None:
    await desk.page.say("refund")
    await desk.page.resolve({"approved": False, "reason": "not this one"})


async def failed(desk: Desk) -> None:
    await desk.page.say("fail")
    await desk.page.say("hello")


async def stopped(desk: Desk) -> None:
    """While it works: the page presses stop, and its stream ends as any other does."""
    asked = asyncio.create_task(desk.page.say("work"))
    await desk.work.begun.wait()
    told = await desk.page.client.post(f"/copilotkit/agent/{AGENT}/stop/{desk.page.thread}", json={})
    assert told.json() == {"stopped": True}
    desk.work.may_end.set()
    await asked
    await desk.page.say("hello")


async def taken_elsewhere(desk: Desk) -> None:
    await desk.page.say("refund")
    (waiting,) = (await desk.hitl.inbox()).items
    await desk.hitl.respond(waiting.request.reject("too late", by="bob"))
    await desk.page.resolve({"approved": True})


async def not_theirs(desk: Desk) -> None:
    await desk.page.say("refund")
    (waiting,) = (await desk.hitl.inbox()).items
    await desk.page.resume(resolved(waiting.request.id, {"approved": True}))


async def two_people(desk: Desk) -> None:
    await desk.page.say("two")
    await desk.page.resolve({"approved": True})
    bob = beside(desk, "bob")
    await bob.connect()
    await bob.resolve({"approved": False, "reason": "paid already"})
    await desk.page.connect()


async def two_have_to_agree(desk: Desk) -> None:
    await desk.page.say("refund")
    await desk.page.resolve({"approved": True})
    bob = beside(desk, "bob")
    await bob.connect()
    await bob.resolve({"approved": True})


async def cancel(desk: Desk) -> None:
    await desk.page.say("refund")
    await desk.page.resolve({"decision": {"type": "cancel", "reason": "never mind"}})


async def dismiss_a_turn(desk: Desk) -> None:
    await desk.page.say("talk")
    await desk.page.resume(cancelled(desk.page.interrupts[0]["id"]))


async def too_late(desk: Desk) -> None:
    await desk.page.say("refund")
    desk.shop.clock.advance(3601)
    await desk.page.resolve({"approved": True})


async def asked_by_call(desk: Desk) -> None:
    desk.page.tools = [ASK]
    await desk.page.say("refund")
    await desk.page.result(desk.page.open_calls[-1]["id"], {"approved": True})
    again = desk.page.open_calls[-1]["id"]
    await desk.page.result(again, {"approved": True, "tool_call_id": again})


async def both_wires(desk: Desk) -> None:
    await desk.page.say("two")
    await desk.page.resume(*(resolved(each["id"], {"approved": False}) for each in desk.page.interrupts))


async def before_the_restart(desk: Desk) -> None:
    await desk.page.say("two")


async def after_the_restart(desk: Desk) -> None:
    await desk.page.connect()
    await desk.page.resume(*(resolved(each["id"], {"approved": True}) for each in desk.page.interrupts))
    await desk.page.connect()


def beside(desk: Desk, person: str) -> Page:
    """The page of somebody else, in the same recording."""
    page = desk.another(person)
    page.wire = desk.page.wire
    return page


Steps = Callable[[Desk], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """What happens; each of the steps in a server of its own. `of` is the policy, `options` those of the routes."""

    steps: tuple[Steps, ...]
    of: Policy = OWN
    options: dict[str, Any] = field(default_factory=dict)


def ruled(**fields: Any) -> Policy:
    return policy(rule("refunds", **{"approvers": {"allow_self": True}, **fields}))


BOB: Final = {"users": ["bob"]}
BOTH: Final = {"quorum": 2, "allow_self": True}
PLAIN: Final = (
    *(approve, edit, reject, dismiss, parallel, partial, not_understood, stale, question, choice, loaded_again),
    *(tool_of_the_page, handoff, failed, stopped, taken_elsewhere, two_people, cancel, dismiss_a_turn),
)
CASES: Final = {
    **{each.__name__: Case((each,)) for each in PLAIN},
    "older_page": Case((older_page,), options={"wire": "legacy"}),
    "both_wires": Case((both_wires,), options={"wire": "both"}),
    "asked_by_call": Case((asked_by_call,), options={"asks_with": ASK["name"]}),
    "restarted": Case((before_the_restart, after_the_restart)),
    "review": Case((review,), ruled(match={"tool": "review"}, level="confirm")),
    "draft": Case((draft,), ruled(level="collaborate")),
    "report": Case((report,), ruled(level="human_leads")),
    "notify": Case((notify,), policy(rule("refunds", level="notify", allow_irreversible="small ones"))),
    "veto": Case((veto,), ruled(level="notify", veto="1h", allow_irreversible="an hour is enough")),
    "not_theirs": Case((not_theirs,), ruled(level="confirm", approvers=BOB)),
    "two_have_to_agree": Case(
        (two_have_to_agree,), ruled(level="confirm", approvers={"quorum": 2, "allow_self": True})
    ),
    "too_late": Case((too_late,), ruled(level="confirm", deadline="1h")),
}


@pytest.mark.parametrize("name", CASES)
async def test_the_wire_is_what_it_was(tmp_path: Path, name: str) -> None:
    case, wire = CASES[name], list[tuple[dict[str, Any], list[Event]]]()
    for step in case.steps:
        async with at_desk(tmp_path, rules=case.of, **case.options) as desk:
            desk.page.wire = wire
            await step(desk)
    told = recorded(wire)
    file = GOLDEN / f"{name}.jsonl"
    if os.environ.get("HITL_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(told, encoding="utf-8")
    assert told == file.read_text(encoding="utf-8")


def recorded(wire: list[tuple[dict[str, Any], list[Event]]]) -> str:
    """One line for each POST and each event; ids have names in the order in which they are first seen."""
    lines: list[dict[str, Any]] = []
    for post, events in wire:
        lines += [post, *events]
    known: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        return known.setdefault(found[0], f"<{len(known) + 1}>")

    text = "\n".join(json.dumps(each, ensure_ascii=False, sort_keys=True) for each in lines) + "\n"
    return TIMES.sub("<time>", NAMES.sub(named, text))


def test_there_is_no_recording_without_its_case() -> None:
    assert {file.stem for file in GOLDEN.glob("*.jsonl")} == set(CASES)

"""The wire, word for word: what a page posts and what it is told, for each case. `HITL_GOLDEN=write` records them anew.

A change here is a change for every page that is out there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.agui.page import Page, cancelled, resolved
from tests.agui.test_conversation import Desk, at_desk

GOLDEN: Final = Path(__file__).parent / "golden"
NAMES: Final = re.compile(
    r"note:[0-9a-f]{16}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|sha256:[0-9a-f]{64}"
)
"""What is another each time: ids and digests."""
TIMES: Final = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)")


async def approve(page: Page) -> None:
    await page.say("refund")
    await page.resolve({"approved": True})


async def edit(page: Page) -> None:
    await page.say("refund")
    await page.resolve({"approved": True, "editedArgs": {"order": "A-1", "amount": 4.5}})


async def reject(page: Page) -> None:
    await page.say("refund")
    await page.resolve({"approved": False, "reason": "too late"})


async def dismiss(page: Page) -> None:
    await page.say("refund")
    await page.resume(cancelled(page.interrupts[0]["id"]))


async def parallel(page: Page) -> None:
    await page.say("two")
    first, second = page.interrupts
    await page.resume(resolved(first["id"], {"approved": True}), cancelled(second["id"]))


async def partial(page: Page) -> None:
    await page.say("two")
    await page.resolve({"approved": True})
    await page.resolve({"approved": True})


async def not_understood(page: Page) -> None:
    await page.say("refund")
    await page.resolve({"approve": "yes"})
    await page.resolve({"approved": False})


async def stale(page: Page) -> None:
    await page.say("refund")
    asked = page.interrupts[0]["id"]
    await page.resolve({"approved": False})
    await page.resume(resolved(asked, {"approved": True}))


async def question(page: Page) -> None:
    await page.say("ask")
    await page.resolve({"answer": "A-7"})


async def choice(page: Page) -> None:
    await page.say("choose")
    await page.resolve({"option": page.interrupts[0]["responseSchema"]["properties"]["option"]["enum"][0]})


async def loaded_again(page: Page) -> None:
    await page.say("refund")
    await page.connect()
    await page.resolve({"approved": True})


async def tool_of_the_page(page: Page) -> None:
    await page.say("pick")
    (call,) = page.open_calls
    await page.result(call["id"], {"slot": "noon", "tool_call_id": call["id"]})


async def older_page(page: Page) -> None:
    await page.say("refund")
    (asked,) = [each["value"] for each in page.events if each["type"] == "CUSTOM"]
    await page.post(forwardedProps={"command": {"resume": {"approved": True}, "interruptEvent": asked}})


CASES: Final[tuple[Callable[[Page], Awaitable[None]], ...]] = (
    *(approve, edit, reject, dismiss, parallel, partial, not_understood, stale, question, choice, loaded_again),
    *(tool_of_the_page, older_page),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_the_wire_is_what_it_was(tmp_path: Path, case: Callable[[Page], Awaitable[None]]) -> None:
    wire = "legacy" if case is older_page else "standard"
    async with at_desk(tmp_path, wire=wire) as desk:
        await case(desk.page)
        told = recorded(desk)
    file = GOLDEN / f"{case.__name__}.jsonl"
    if os.environ.get("HITL_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(told, encoding="utf-8")
    assert told == file.read_text(encoding="utf-8")


def recorded(desk: Desk) -> str:
    """One line for each POST and each event; ids have names in the order in which they are first seen."""
    lines: list[dict[str, Any]] = []
    for route, body, events in desk.page.wire:
        lines += [{"post": route, "body": body}, *events]
    known: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        return known.setdefault(found[0], f"<{len(known) + 1}>")

    text = "\n".join(json.dumps(each, ensure_ascii=False, sort_keys=True) for each in lines) + "\n"
    return TIMES.sub("<time>", NAMES.sub(named, text))


def test_there_is_no_recording_without_its_case() -> None:
    assert {file.stem for file in GOLDEN.glob("*.jsonl")} == {case.__name__ for case in CASES}

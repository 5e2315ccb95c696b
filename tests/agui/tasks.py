"""What the app of the tests does besides refunds: it hands a conversation over, has a text read, works for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hitl_adapters.plain import Refused, gate
from hitl_adapters.plain.suspend import current
from hitl_core.gate import Form
from hitl_core.protocol import Action, Kind, Substitute

Refund = Callable[..., Awaitable[Any]]


async def given_away() -> str:
    """A person has the conversation until they hand it back, or end it; as the frameworks' adapters do it."""
    said = list[str]()
    floor = "person"
    while floor == "person":
        turn = await _turn(said)
        said.append(turn["text"])
        floor = turn["floor"]
    return f"{' '.join(said)} Now {floor} has it."


async def _turn(said: list[str]) -> dict[str, Any]:
    now = current()
    place = now.place("talk")
    action = Action(tool="talk", arguments={"said": [*said]})
    verdict = await now.gate.propose(
        action, call=place, form=Form(kind=Kind.HANDOFF, title="A customer wants a person")
    )
    if not isinstance(verdict, Substitute):
        raise now.suspend()
    now.used.append(place)
    turn: Any = verdict.result
    return dict(turn)


async def read() -> str:
    """A text is worked over until people take it."""
    content = "Version 4.2 is out."
    while True:
        seen = await gate.review(content, title="Read the announcement")
        if seen["outcome"] != "revise":
            return f"{seen['outcome']}: {seen['content']}"
        content = f"{content} {seen['feedback']}"


async def with_less(refund: Refund) -> str:
    """What is sent back is tried again with half of it."""
    amount = 10.0
    while True:
        try:
            return str(await refund(order="A-1", amount=amount))
        except Refused:
            amount /= 2


class Work:
    """Something that takes as long as the test wants it to."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def done(self) -> str:
        self.begun.set()
        await self.may_end.wait()
        return "the work"

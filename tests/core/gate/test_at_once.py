"""Calls that are proposed at once, over a store that answers the last of several looks first."""

from __future__ import annotations

import asyncio
from typing import Any

from hitl_core.commands import ListAsked, Look, Query
from hitl_core.contracts import Ending, Paused, Store
from hitl_core.gate import Gate
from hitl_core.testing.around import StoreAround
from tests.core.shop import Shop

from .test_gate import Script
from .test_turns import Says, turn


class LastFirst(StoreAround):
    """Keeps looks of one kind back until so many have come, and lets the last one through first."""

    def __init__(self, inner: Store, kind: type[Query[Any]], number: int) -> None:
        super().__init__(inner)
        self._kind, self._number = kind, number
        self._kept: list[asyncio.Event] = []

    async def fetch(self, query: Query[Any]) -> Any:
        if not isinstance(query, self._kind):
            return await self.inner.fetch(query)
        own = asyncio.Event()
        self._kept.append(own)
        if len(self._kept) == self._number:
            self._kept.pop().set()
        await own.wait()
        try:
            return await self.inner.fetch(query)
        finally:
            if self._kept:
                self._kept.pop().set()


def at_once(*calls: Says) -> Any:
    """The calls are proposed at the same time, and the framework waits."""

    async def asks(gate: Gate) -> Ending:
        await asyncio.gather(*(gate.propose(each.action, call=each.call, form=each.form) for each in calls))
        return Paused(None)

    return asks


async def test_they_wait_in_the_order_in_which_they_were_proposed(shop: Shop) -> None:
    script = Script(at_once(Says("a"), Says("b"), Says("c")))
    async with shop.open(None, adapter=script, wrap=lambda store: LastFirst(store, Look, 3)) as hitl:
        run = await hitl.start(None)
    assert [each.call for each in run.pending] == ["a", "b", "c"]


async def test_no_two_go_on_from_what_was_returned_once(shop: Shop) -> None:
    async with shop.open(None, adapter=Script(turn(Says("a1")))) as hitl:
        run = await hitl.start(None)
        await hitl.respond(run.pending[0].ask("Which?", by="ann"))
    script = Script(at_once(Says("a2"), Says("a3")))
    async with shop.open(None, adapter=script, wrap=lambda store: LastFirst(store, ListAsked, 2)) as hitl:
        run = await hitl.resume(run.id)
    assert [each.call for each in run.pending] == ["a2", "a3"]
    assert sum(each.follows is not None for each in run.pending) == 1

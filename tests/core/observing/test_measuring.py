"""What a runtime does is counted: once, by what it was, and with nothing of what anybody has said."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.commands import ClaimRuns, FinishRun, Query, ReleaseRun
from hitl_core.errors import LeaseLost
from hitl_core.observing.instruments import (
    DECIDED,
    DECISION,
    EFFECTS,
    EXPIRED,
    FAILURES,
    INSTRUMENTS,
    LAG,
    OPENED,
    STORE,
    TURN,
    TURNS,
    Shape,
)
from hitl_core.observing.measuring import Recent
from hitl_core.protocol import RunState
from hitl_core.runtime import Worker
from tests.core.observing.watched import Kept, measuring, only, watched
from tests.core.shop import Shop, one_refund, policy, rule


async def test_one_cycle_is_counted_where_each_part_of_it_happens(shop: Shop) -> None:
    first, second = Kept(), Kept()
    async with watched(shop, one_refund(shop.ledger), measuring(shop, first)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(90)
        await hitl.respond(only(run.pending).approve(by="ann"))
    shop.clock.advance(2)
    async with watched(shop, one_refund(shop.ledger), measuring(shop, second)) as hitl:
        await Worker(hitl).run_until_idle()
    assert first.counts(OPENED) == {"confirm approval": 1}
    assert (first.counts(TURNS), second.counts(TURNS)) == ({"paused": 1}, {"completed": 1})
    assert (first.counts(DECIDED), second.counts(DECIDED)) == ({}, {"approve confirm": 1})
    assert (second.values(DECISION), second.values(LAG)) == ([90.0], [2.0])
    assert second.counts(EFFECTS) == {"executing": 1, "executed": 1}
    assert len(first.values(TURN)) == len(second.values(TURN)) == 1
    assert {"OpenRun", "PauseRun", "RecordResponse"} <= first.counts(STORE).keys()


async def test_every_measurement_is_of_an_instrument_with_exactly_its_labels(shop: Shop) -> None:
    sink = Kept()
    async with watched(shop, one_refund(shop.ledger), measuring(shop, sink)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run.pending).reject("no", by="ann"))
        await hitl.resume(run.id)
    assert sink.all
    for each in sink.all:
        assert tuple(each.labels) == INSTRUMENTS[each.name].labels, each
        assert INSTRUMENTS[each.name].shape is not Shape.GAUGE


async def test_an_answer_that_ends_its_run_is_counted_where_it_is_recorded(shop: Shop) -> None:
    sink = Kept()
    async with watched(shop, one_refund(shop.ledger), measuring(shop, sink)) as hitl:
        answer = only((await hitl.start(None)).pending).cancel(by="ann")
        await hitl.respond(answer)
        await hitl.respond(answer)
    assert sink.counts(DECIDED) == {"cancel confirm": 1}


async def test_an_answer_is_counted_once_however_often_its_run_is_tried(shop: Shop) -> None:
    sink, turns = Kept(), list[int]()

    async def app(input: Any) -> Any:
        turns.append(1)
        if len(turns) == 2:
            raise RuntimeError("before it has used the answer")
        return await one_refund(shop.ledger)(input)

    async with watched(shop, app, measuring(shop, sink)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run.pending).approve(by="ann"))
        assert (await hitl.resume(run.id)).state is RunState.FAILED
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
    assert sink.counts(DECIDED) == {"approve confirm": 1}
    assert sink.counts(TURNS) == {"paused": 1, "failed": 1, "completed": 1}


async def test_deadlines_notices_refusals_and_doubt_are_counted(shop: Shop) -> None:
    sink = Kept()
    shop.policy = policy(
        rule("late", match={"tool": "late"}, level="confirm", deadline="5s"),
        rule("told", match={"tool": "told"}, level="notify", allow_irreversible="A test."),
        rule("never", match={"tool": "never"}, effect="deny"),
    )

    @gate.guard(reversible=True)
    async def late() -> None: ...

    @gate.guard(reversible=True)
    async def told() -> None: ...

    @gate.guard(reversible=True)
    async def never() -> None: ...

    async def app(input: Any) -> None:
        await told()
        for each in (never, late):
            with suppress(Refused):
                await each()

    async with watched(shop, app, measuring(shop, sink)) as hitl:
        await hitl.start(None)
        shop.clock.advance(10)
        await Worker(hitl).run_until_idle()
    assert sink.counts(EXPIRED) == {"confirm": 1}
    assert sink.counts(OPENED) == {"notify notice": 1, "confirm approval": 1}
    assert sink.counts(EFFECTS)["refused"] >= 1
    assert sink.counts(DECIDED) == {}


async def test_what_fails_is_counted_by_its_code(shop: Shop) -> None:
    sink = Kept()
    observer = measuring(shop, sink)
    async with watched(shop, one_refund(shop.ledger), observer) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run.pending).approve(by="ann"))
        with pytest.raises(LookupError):
            await hitl.run("nobody")
        claimed = only(await hitl.claim(limit=1))
        stale = replace(claimed.lease, fence=1)
        with pytest.raises(LeaseLost):
            await hitl.store.apply(FinishRun(stale, RunState.COMPLETED, shop.clock.now()))
    observer.failed(Query(), OSError("of the driver"), 0.1)
    assert sink.counts(FAILURES) == {"GetRun HITL-U02": 1, "FinishRun HITL-U05": 1, "Query other": 1}
    assert sink.counts(TURNS)["lost"] == 1


async def test_a_turn_that_was_begun_elsewhere_has_no_length(shop: Shop) -> None:
    sink = Kept()
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run.pending).approve(by="ann"))
        claimed = only(await hitl.claim(limit=1))
    async with watched(shop, one_refund(shop.ledger), measuring(shop, sink)) as hitl:
        await hitl.store.apply(FinishRun(claimed.lease, RunState.FAILED, shop.clock.now(), error="no"))
    assert (sink.counts(TURNS), sink.values(TURN)) == ({"failed": 1}, [])


async def test_a_turn_that_is_given_back_has_ended(shop: Shop) -> None:
    sink = Kept()
    async with watched(shop, one_refund(shop.ledger), measuring(shop, sink)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run.pending).approve(by="ann"))
        claimed = only(await hitl.claim(limit=1))
        await hitl.store.apply(ReleaseRun(claimed.lease, shop.clock.now()))
    assert sink.counts(TURNS) == {"paused": 1, "released": 1}


async def test_a_run_that_was_taken_over_waited_for_nobody(shop: Shop) -> None:
    sink = Kept()
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run.pending).approve(by="ann"))
        await hitl.claim(limit=1)
    shop.clock.advance(600)
    async with watched(shop, one_refund(shop.ledger), measuring(shop, sink)) as hitl:
        await hitl.store.apply(ClaimRuns("another", 30, shop.clock.now()))
    assert (sink.values(LAG), sink.counts(DECIDED)) == ([], {})


def test_what_is_remembered_has_a_bound() -> None:
    recent = Recent(most=2)
    assert [recent.keep(name, 1.0) for name in ("a", "b", "a", "c")] == [True, True, False, True]
    assert [recent.take(name) for name in ("a", "b", "c")] == [None, 1.0, 1.0]


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_an_instrument_says_what_it_is(name: str) -> None:
    each = INSTRUMENTS[name]
    assert name.startswith("hitl.")
    assert each.says
    assert bool(each.bounds) == (each.shape is Shape.HISTOGRAM)
    assert sorted(each.bounds) == list(each.bounds)
    ids = {"run", "request", "id", "call", "user", "responder", "tool", "thread", "worker"}
    assert not ids & set(each.labels), "a label has few values"

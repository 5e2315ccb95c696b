"""Rules that look at the past, from the agent's call to the effect: what ran, how often, and what had to ask."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, cast

import pytest

from hitl_adapters.plain import gate
from hitl_core.commands import BeginEffect, Command, Query, ReadHistory
from hitl_core.contracts import Completed, Ending, Store
from hitl_core.errors import EffectRefused, HistoryMoved, StoreUnavailable
from hitl_core.gate import Gate
from hitl_core.protocol import Action, AuditEvent, Executed, Proceed, Refuse, RunState, Wait
from tests.core.gate.test_gate import Script
from tests.core.shop import App, Ledger, Shop, decide, one_refund, only, policy, refund_tool, rule, trail

FREE = {"level": "autonomous", "allow_irreversible": "a test"}
DAY = {"argument": "amount", "within": "1d"}
SPENT = policy(
    rule("free", **FREE),
    rule("day", level="confirm", when={"budget": {**DAY, "above": 200}}),
    rule("month", effect="deny", when={"budget": {"argument": "amount", "within": "30d", "above": 1000}}),
)
OFTEN = policy(
    rule("free", **FREE), rule("often", level="confirm", when={"rate": {"within": "1h", "per": "run", "above": 2}})
)


def paying(amount: float) -> Action:
    return Action(tool="refund", arguments={"amount": amount})


def several(ledger: Ledger, *amounts: float) -> App:
    """An app that pays several refunds, one after the other."""
    refund = refund_tool(ledger)

    async def app(input: Any) -> Any:
        return [await refund("A-1042", amount) for amount in amounts]

    return app


def paid(shop: Shop) -> list[float]:
    return [line["amount"] for line in shop.ledger.lines("refund")]


async def test_what_is_within_the_budget_runs_and_what_is_above_it_asks(shop: Shop) -> None:
    shop.policy = SPENT
    async with shop.open(one_refund(shop.ledger)) as hitl:
        assert (await hitl.start({"amount": 120})).state is RunState.COMPLETED
        assert (await hitl.start({"amount": 80})).state is RunState.COMPLETED
        run = await hitl.start({"amount": 0.01})
        assert only(run).because.rule == "day"
        shop.clock.advance(86_400)
        assert (await hitl.start({"amount": 200})).state is RunState.COMPLETED
    assert paid(shop) == [120, 80, 200]


async def test_what_people_approve_counts_and_what_they_refuse_does_not(shop: Shop) -> None:
    shop.policy = SPENT
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await decide(hitl, await hitl.start({"amount": 900}), "reject")
        await decide(hitl, await hitl.start({"amount": 900}), "approve")
        run = await hitl.start({"amount": 101})
        assert run.state is RunState.COMPLETED
        assert "not allowed" in str(run.output)
    assert paid(shop) == [900]


async def test_a_hard_limit_holds_at_the_claim_too(shop: Shop) -> None:
    shop.policy = SPENT
    async with shop.open(one_refund(shop.ledger)) as hitl:
        first, second = await hitl.start({"amount": 600}), await hitl.start({"amount": 600})
        await decide(hitl, first, "approve")
        run = await decide(hitl, second, "approve")
        assert "not allowed" in str(run.output)
    assert paid(shop) == [600]


async def test_a_call_that_an_edit_brings_under_the_limit_counts_as_edited(shop: Shop) -> None:
    shop.policy = SPENT
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({"amount": 300})
        await decide(hitl, run, "edit", {"order": "A-1042", "amount": 150.0})
        assert (await hitl.start({"amount": 50})).state is RunState.COMPLETED
        assert (await hitl.start({"amount": 0.5})).state is RunState.PAUSED
    assert paid(shop) == [150, 50]


async def test_an_edit_that_the_budget_forbids_is_refused(shop: Shop) -> None:
    shop.policy = SPENT
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({"amount": 300})
        with pytest.raises(Exception, match="the policy forbids the edited call"):
            await decide(hitl, run, "edit", {"order": "A-1042", "amount": 1001.0})
    assert paid(shop) == []


async def test_a_rate_is_kept_apart_by_run(shop: Shop) -> None:
    shop.policy = OFTEN
    async with shop.open(several(shop.ledger, 1, 2, 3)) as hitl:
        for _ in range(2):
            run = await hitl.start(None)
            assert (run.state, only(run).because.rule) == (RunState.PAUSED, "often")
        await decide(hitl, run, "approve")
    assert paid(shop) == [1, 2, 1, 2, 3]


async def test_calls_of_one_turn_do_not_pass_the_limit_together(shop: Shop) -> None:
    shop.policy = SPENT
    said: list[Any] = []

    async def asks_twice(gate: Gate) -> Ending:
        said.append(await gate.propose(paying(150), call="a"))
        said.append(await gate.propose(paying(150), call="b"))
        said.append(await gate.propose(paying(50), call="c"))
        return Completed(None)

    async with shop.open(None, adapter=Script(asks_twice)) as hitl:
        await hitl.start(None)
    assert [type(each) for each in said] == [Proceed, Wait, Proceed]


async def test_a_call_that_is_about_to_begin_counts_for_those_beside_it(shop: Shop) -> None:
    """Between the last look and the commit a call is neither let through nor in the store; nobody looks then."""
    shop.policy = SPENT
    beginning, looked = asyncio.Event(), asyncio.Event()

    class Slow:
        def __init__(self, store: Store) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        async def apply(self, command: Command[Any]) -> Any:
            if isinstance(command, BeginEffect):
                beginning.set()
                with suppress(TimeoutError):  # whoever may look beside it has had the time to
                    await asyncio.wait_for(looked.wait(), timeout=0.2)
            return await self._store.apply(command)

    async def pays(gate: Gate) -> None:
        allowed = await gate.propose(paying(150), call="a")
        assert isinstance(allowed, Proceed)
        async with gate.carry_out(allowed) as effect:
            shop.ledger.write("refund", amount=150)
            effect.outcome = Executed("paid")

    async def beside(gate: Gate) -> Any:
        await beginning.wait()
        verdict = await gate.propose(paying(150), call="b")
        looked.set()
        return verdict

    async def both(gate: Gate) -> Ending:
        _, verdict = await asyncio.gather(pays(gate), beside(gate))
        assert isinstance(verdict, Wait)
        return Completed(None)

    async with shop.open(None, adapter=Script(both), wrap=lambda store: cast("Store", Slow(store))) as hitl:
        run = await hitl.start(None)
    assert (run.state, paid(shop)) == (RunState.COMPLETED, [150]), run.error


async def test_of_two_runs_that_were_both_let_through_the_second_does_not_begin(shop: Shop) -> None:
    shop.policy = SPENT

    async def other(gate: Gate) -> Ending:
        allowed = await gate.propose(paying(150), call="b")
        assert isinstance(allowed, Proceed)
        async with gate.carry_out(allowed) as effect:
            shop.ledger.write("refund", amount=2)
            effect.outcome = Executed("paid")
        return Completed(None)

    async def one(gate: Gate) -> Ending:
        allowed = await gate.propose(paying(150), call="a")
        assert isinstance(allowed, Proceed)
        async with shop.open(None, adapter=Script(other)) as elsewhere:
            assert (await elsewhere.start(None)).state is RunState.COMPLETED
        with pytest.raises(EffectRefused, match="'day' asks for more"):
            async with gate.carry_out(allowed):
                shop.ledger.write("refund", amount=1)
        assert isinstance(await gate.propose(paying(150), call="a"), Wait)
        return Completed(None)

    async with shop.open(None, adapter=Script(one)) as hitl:
        await hitl.start(None)
        refused = await trail(hitl, AuditEvent.ACTION_REFUSED)
    assert paid(shop) == [2]
    assert ['"rule":"day"' in entry.body for entry in refused] == [True]


async def test_a_store_that_moves_under_every_try_lets_nothing_begin(shop: Shop) -> None:
    shop.policy = SPENT
    tries: list[Command[Any]] = []

    class Moving:
        def __init__(self, store: Store) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        async def apply(self, command: Command[Any]) -> Any:
            if isinstance(command, BeginEffect):
                tries.append(command)
                raise HistoryMoved("moved")
            return await self._store.apply(command)

    async def begins(gate: Gate) -> Ending:
        allowed = await gate.propose(paying(1), call="a")
        assert isinstance(allowed, Proceed)
        with pytest.raises(HistoryMoved, match="decided on 10 times"):
            await gate.begin(allowed)
        return Completed(None)

    async with shop.open(None, adapter=Script(begins), wrap=lambda store: cast("Store", Moving(store))) as hitl:
        await hitl.start(None)
    assert len(tries) == 10


class Forgetful:
    """A store that cannot say what happened before, from the given time on that it is asked."""

    def __init__(self, store: Store, after: int) -> None:
        self._store, self._left = store, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def fetch(self, query: Query[Any]) -> Any:
        if isinstance(query, ReadHistory):
            self._left -= 1
            if self._left < 0:
                raise StoreUnavailable("no history today")
        return await self._store.fetch(query)


def forgetful(after: int = 0) -> Any:
    return lambda store: cast("Store", Forgetful(store, after))


async def test_a_past_that_cannot_be_read_asks(shop: Shop) -> None:
    shop.policy = OFTEN
    async with shop.open(one_refund(shop.ledger), wrap=forgetful()) as hitl:
        run = await hitl.start(None)
        assert "what happened before is not known" in only(run).because.why
    assert paid(shop) == []


async def test_a_past_that_cannot_be_read_any_more_asks(shop: Shop) -> None:
    shop.policy = SPENT
    said: list[Any] = []

    async def asks_twice(gate: Gate) -> Ending:
        said.append(await gate.propose(paying(1), call="a"))
        said.append(await gate.propose(paying(1), call="b"))
        return Completed(None)

    async with shop.open(None, adapter=Script(asks_twice), wrap=forgetful(after=1)) as hitl:
        await hitl.start(None)
    assert [type(each) for each in said] == [Proceed, Refuse], "the rule that denies cannot be checked, so it denies"


async def test_nothing_begins_that_could_not_be_counted(shop: Shop) -> None:
    shop.policy = OFTEN
    async with shop.open(one_refund(shop.ledger), wrap=forgetful()) as hitl:
        run = await decide(hitl, await hitl.start(None), "approve")
        assert run.state is RunState.FAILED
        assert "cannot be read" in run.error
    assert paid(shop) == []
    async with shop.open(one_refund(shop.ledger)) as hitl:
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
    assert paid(shop) == [120.5]


async def test_without_a_rule_about_the_past_the_store_is_not_asked(shop: Shop) -> None:
    shop.policy = policy(
        rule("free", **FREE),
        rule("other", match={"tool": "mail"}, when={"rate": {"within": "1h", "above": 1}}, level="confirm"),
    )
    async with shop.open(one_refund(shop.ledger), wrap=forgetful()) as hitl:
        assert (await hitl.start(None)).state is RunState.COMPLETED


async def test_the_first_time_with_a_value_asks_and_the_next_does_not(shop: Shop) -> None:
    shop.policy = policy(rule("free", **FREE), rule("new", level="confirm", when={"novel": {"argument": "order"}}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await decide(hitl, await hitl.start({"order": "A-1"}), "approve")
        assert (await hitl.start({"order": "A-1"})).state is RunState.COMPLETED
        assert only(await hitl.start({"order": "A-2"})).because.rule == "new"
    assert len(paid(shop)) == 2


async def test_a_pause_of_the_apps_own_asks_whatever_was_before(shop: Shop) -> None:
    shop.policy = policy(
        rule("often", match={"tool": {"glob": "*"}}, effect="deny", when={"rate": {"within": "1h", "above": 9}})
    )

    async def app(input: Any) -> Any:
        return await gate.ask("Which one?")

    async with shop.open(app) as hitl:
        assert (await hitl.start(None)).state is RunState.PAUSED

"""Standing grants, from the agent's call to the effect: what ran unasked, how often, and who was asked nevertheless."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, cast

import pytest

from hitl_adapters.plain import gate
from hitl_core.commands import BeginEffect, CancelRun, Command, EndEffect, FinishRun, ListGrants, Query, StopScope
from hitl_core.contracts import Broke, Completed, Ending, Paused, Store
from hitl_core.errors import GrantNotFound, GrantNotGiven, GrantRefused, RunNotFound, StoreUnavailable
from hitl_core.gate import Gate
from hitl_core.policy import Held
from hitl_core.protocol import (
    Action,
    Allowance,
    AuditEvent,
    Executed,
    GrantState,
    Preview,
    Proceed,
    Responder,
    RunState,
    Wait,
)
from hitl_core.runtime import Runtime, like
from hitl_core.tools import Tool, Traits
from tests.core.gate.test_gate import Script
from tests.core.shop import App, Crash, Ledger, Shop, decide, one_refund, only, policy, refund_tool, rule, trail

HOUR = timedelta(hours=1)
REFUNDS = Allowance(tool="refund")
LEAD = Responder(id="mia", roles=("lead",))
ASKS = policy(rule("asks", level="confirm"))


REVERSIBLE = Tool("refund", "Pay money back.", lambda amount: None, traits=Traits(reversible=True))


def reversible(ledger: Ledger) -> App:
    return one_refund(ledger, reversible=True)


def at_once(ledger: Ledger, *amounts: float) -> App:
    """An app that pays several refunds at the same time."""
    refund = refund_tool(ledger, reversible=True)

    async def app(input: Any) -> Any:
        return list(await gate.together(*(refund("A-1042", amount) for amount in amounts)))

    return app


def paid(shop: Shop) -> list[float]:
    return [line["amount"] for line in shop.ledger.lines("refund")]


async def why(hitl: Runtime, **input: Any) -> str:
    """Start a run that has to ask, and return what its request says."""
    return only(await hitl.start(input)).because.why


# ── what runs ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_grant_that_runs_out_lets_as_many_run_as_it_says_and_then_people_are_asked(shop: Shop) -> None:
    shop.policy = ASKS
    async with shop.open(reversible(shop.ledger)) as hitl:
        grant = await hitl.grant(REFUNDS.model_copy(update={"times": 2}), by="ann", lasts=HOUR, reason="a busy day")
        runs = [await hitl.start({"amount": 1}), await hitl.start({"amount": 2})]
        assert [run.state for run in runs] == [RunState.COMPLETED] * 2
        asked = await why(hitl, amount=3)
        assert f"The grant {grant.id} by ann nearly covers it, but: it is used up (2 of 2)." in asked
        (known,) = await hitl.grants()
        assert (known.used, known.state(shop.clock.now())) == (2, GrantState.USED_UP)
        assert [(await hitl.effects(run.id))[0].grant_id for run in runs] == [grant.id] * 2
        used = await trail(hitl, AuditEvent.GRANT_USED)
        started = await trail(hitl, AuditEvent.EFFECT_STARTED)
    assert [entry.subject for entry in used] == [grant.id] * 2
    assert all(grant.id in entry.body for entry in started)
    assert paid(shop) == [1, 2]


async def test_a_grant_ends_at_its_time(shop: Shop) -> None:
    shop.policy = ASKS
    async with shop.open(reversible(shop.ledger)) as hitl:
        await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        shop.clock.advance(3599)
        assert (await hitl.start({"amount": 1})).state is RunState.COMPLETED
        shop.clock.advance(1)
        assert "it ended at" in await why(hitl, amount=2)
    assert paid(shop) == [1]


async def test_a_sum_is_never_passed(shop: Shop) -> None:
    shop.policy = ASKS
    async with shop.open(reversible(shop.ledger)) as hitl:
        await hitl.grant(Allowance(tool="refund", sum_of="amount", most=100), by="ann", lasts=HOUR)
        assert (await hitl.start({"amount": 60.5})).state is RunState.COMPLETED
        assert "the sum of amount would be 100.6, above 100" in await why(hitl, amount=40.1)
        assert (await hitl.start({"amount": 39.5})).state is RunState.COMPLETED
        (known,) = await hitl.grants()
        assert (known.spent, known.state(shop.clock.now())) == (100, GrantState.USED_UP)
    assert paid(shop) == [60.5, 39.5]


async def test_the_scope_holds_tool_arguments_agent_run_and_tenant(shop: Shop) -> None:
    shop.policy = ASKS
    small = {"argument": "amount", "at_most": 50}
    async with shop.open(reversible(shop.ledger)) as hitl:
        run = await hitl.start({"amount": 7})
        for scope, said in (
            ({"when": small}, "its condition does not hold"),
            ({"agent": "somebody"}, "it is for the agent 'somebody'"),
            ({"run_id": run.id}, "it is for another run"),
        ):
            grant = await hitl.grant(Allowance.model_validate({"tool": "refund", **scope}), by="ann", lasts=HOUR)
            assert said in await why(hitl, amount=51)
            await hitl.revoke_grant(grant.id, by="ann")
        await hitl.grant(Allowance.model_validate({"tool": "refund", "when": small}), by="ann", lasts=HOUR)
        assert (await hitl.start({"amount": 50})).state is RunState.COMPLETED
    assert paid(shop) == [50]


async def test_nothing_runs_under_a_grant_while_the_policy_is_held(shop: Shop) -> None:
    shop.policy = Held(ASKS, "The policy was changed and its file is refused.")
    async with shop.open(reversible(shop.ledger)) as hitl:
        await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        assert "nearly covers it, but: a rule could not be checked" in await why(hitl, amount=1)
        shop.policy = ASKS
        assert (await hitl.start({"amount": 2})).state is RunState.COMPLETED
    assert paid(shop) == [2]


async def test_a_revoked_grant_lets_nothing_run(shop: Shop) -> None:
    shop.policy = ASKS
    async with shop.open(reversible(shop.ledger)) as hitl:
        grant = await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        revoked = await hitl.revoke_grant(grant.id, by="bob", reason="enough")
        assert revoked.state(shop.clock.now()) is GrantState.REVOKED
        assert await hitl.revoke_grant(grant.id, by="cid") == revoked
        assert "bob has revoked it" in await why(hitl, amount=1)
        assert len(await trail(hitl, AuditEvent.GRANT_REVOKED)) == 1
        with pytest.raises(GrantNotFound, match="no grant 'nothing'"):
            await hitl.revoke_grant("nothing", by="bob")
    assert paid(shop) == []


async def test_what_is_let_through_at_once_counts_together(shop: Shop) -> None:
    shop.policy = ASKS
    async with shop.open(at_once(shop.ledger, 30, 30, 30)) as hitl:
        await hitl.grant(Allowance(tool="refund", sum_of="amount", most=80, times=2), by="ann", lasts=HOUR)
        run = await hitl.start(None)
        assert run.state is RunState.PAUSED, run.error
        assert only(run).action.arguments["amount"] == 30
    assert paid(shop) == [30, 30]


async def test_the_oldest_grant_that_reaches_is_used(shop: Shop) -> None:
    shop.policy = ASKS
    once = REFUNDS.model_copy(update={"times": 1})
    async with shop.open(reversible(shop.ledger)) as hitl:
        first, second = [await hitl.grant(once, by="ann", lasts=HOUR) for _ in range(2)]
        runs = [await hitl.start({"amount": 1}), await hitl.start({"amount": 2})]
        assert [(await hitl.effects(run.id))[0].grant_id for run in runs] == [first.id, second.id]


# ── what a grant never covers ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"level": "collaborate"}, "nothing at level collaborate runs under a grant"),
        ({"level": "human_leads"}, "nothing at level human_leads runs under a grant"),
        ({"level": "notify", "veto": "1h"}, "nothing at level notify runs under a grant; a veto window"),
        ({"level": "confirm", "approvers": {"quorum": 2}}, "several people decide this"),
        ({"level": "confirm", "approvers": {"roles": ["lead"]}}, "ann may not decide this"),
        ({"level": "confirm", "when": {"argument": "nobody", "above": 1}}, "a rule could not be checked"),
    ],
)
async def test_a_stricter_rule_asks(shop: Shop, fields: dict[str, Any], said: str) -> None:
    shop.policy = policy(rule("strict", **fields))
    async with shop.open(reversible(shop.ledger)) as hitl:
        await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        assert said in await why(hitl, amount=1)
    assert paid(shop) == []


async def test_who_may_decide_may_grant(shop: Shop) -> None:
    shop.policy = policy(rule("asks", level="confirm", approvers={"roles": ["lead"]}))
    async with shop.open(reversible(shop.ledger)) as hitl:
        await hitl.grant(REFUNDS, by=LEAD, lasts=HOUR)
        assert (await hitl.start({"amount": 1})).state is RunState.COMPLETED
        run = await hitl.start({"amount": 2}, by="mia")
        assert "mia started this run" in only(run).because.why
    assert paid(shop) == [1]


async def test_an_agent_grants_itself_nothing(shop: Shop) -> None:
    shop.policy = ASKS
    refund = refund_tool(shop.ledger, reversible=True)

    async def app(input: Any) -> Any:
        with gate.acting_as("clerk"):
            return await refund("A-1042", 1)

    async with shop.open(app) as hitl:
        await hitl.grant(REFUNDS, by="clerk", lasts=HOUR)
        assert "clerk is the agent that asks" in only(await hitl.start(None)).because.why
        await hitl.grant(REFUNDS.model_copy(update={"agent": "clerk"}), by="ann", lasts=HOUR)
        assert (await hitl.start(None)).state is RunState.COMPLETED
    assert paid(shop) == [1]


async def test_a_denial_wins(shop: Shop) -> None:
    shop.policy = policy(rule("never", effect="deny"))
    async with shop.open(reversible(shop.ledger)) as hitl:
        await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        assert "not allowed" in str((await hitl.start({"amount": 1})).output)
    assert paid(shop) == []


async def test_a_stop_wins(shop: Shop) -> None:
    shop.policy = ASKS
    async with shop.open(reversible(shop.ledger)) as hitl:
        await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        await hitl.stop(StopScope.TOOL, "refund", by="boss", reason="fraud")
        assert (await hitl.start({"amount": 1})).state is RunState.STOPPED
        assert (await hitl.grants())[0].used == 0
    assert paid(shop) == []


async def test_what_people_have_refused_stays_refused(shop: Shop) -> None:
    shop.policy = ASKS
    async with shop.open(reversible(shop.ledger)) as hitl:
        run = await hitl.start({"amount": 1})
        await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        assert (await hitl.run(run.id)).state is RunState.PAUSED
        assert (await decide(hitl, run, "reject", "no")).state is RunState.COMPLETED
    assert paid(shop) == []


@pytest.mark.parametrize("traits", [{}, {"reversible": False}])
async def test_irreversible_actions_are_never_covered(shop: Shop, traits: dict[str, Any]) -> None:
    """Neither given for such a tool, nor used where the tool has become one."""
    shop.policy = ASKS
    async with shop.open(one_refund(shop.ledger, **traits)) as hitl:
        await hitl.start({"amount": 1})
        with pytest.raises(GrantNotGiven, match="not known to be reversible"):
            await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        assert len(await trail(hitl, AuditEvent.GRANT_REFUSED)) == 1
    async with shop.open(reversible(shop.ledger)) as hitl:
        await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
    async with shop.open(one_refund(shop.ledger, **traits)) as hitl:
        assert "the action is not known to be reversible" in await why(hitl, amount=1)
    assert paid(shop) == []


async def test_what_a_preview_cannot_say_is_never_covered(shop: Shop) -> None:
    def shows(arguments: dict[str, Any]) -> Preview:
        return Preview(effect=f"pays {10 / (arguments['amount'] - 13):g}")

    shop.policy = ASKS
    async with shop.open(one_refund(shop.ledger, reversible=True, preview=shows)) as hitl:
        await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        assert "not known to be reversible" in await why(hitl, amount=13)
        assert (await hitl.start({"amount": 14})).state is RunState.COMPLETED
    assert paid(shop) == [14]


async def test_what_a_preview_calls_irreversible_is_never_covered(shop: Shop) -> None:
    shop.policy = ASKS

    def shows(arguments: Any) -> Preview:
        return Preview(effect="pays", reversible=arguments["amount"] < 100)

    async with shop.open(one_refund(shop.ledger, reversible=True, preview=shows)) as hitl:
        await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        assert (await hitl.start({"amount": 99})).state is RunState.COMPLETED
        assert "the action is not known to be reversible" in await why(hitl, amount=100)
    assert paid(shop) == [99]


async def test_everything_that_is_wrong_with_a_grant_is_said_at_once(shop: Shop) -> None:
    wrong = Allowance(tool="refund", most=5, when={"argument": "amount"})
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.start(None)
        with pytest.raises(GrantNotGiven) as refused:
            await hitl.grant(wrong, by="ann", lasts=timedelta(0))
        assert [fault.path for fault in refused.value.faults] == ["sum_of", "when", "lasts", "tool"]
        assert await hitl.grants() == ()
    async with shop.open(reversible(shop.ledger)) as hitl:
        with pytest.raises(RunNotFound):
            await hitl.grant(Allowance(tool="refund", run_id="nowhere"), by="ann", lasts=HOUR)


# ── crashes and races ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_crash_after_the_count_counts_and_is_asked_about(shop: Shop) -> None:
    shop.policy = ASKS

    class DiesAfterBegin:
        def __init__(self, inner: Store) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        async def apply(self, command: Command[Any]) -> Any:
            result = await self.inner.apply(command)
            if isinstance(command, BeginEffect):
                raise Crash
            return result

    async with shop.open(reversible(shop.ledger)) as hitl:
        await hitl.grant(REFUNDS.model_copy(update={"times": 1}), by="ann", lasts=HOUR)
    with pytest.raises(Crash):
        async with shop.open(reversible(shop.ledger), wrap=lambda store: cast("Store", DiesAfterBegin(store))) as hitl:
            await hitl.start({"amount": 1})
    shop.clock.advance(60)
    async with shop.open(reversible(shop.ledger)) as hitl:
        (run,) = (await hitl.runs()).items
        run = await hitl.resume(run.id)
        assert only(run).in_doubt
        assert (await hitl.grants())[0].used == 1
        assert "it is used up (1 of 1)" in await why(hitl, amount=2)
        run = await decide(hitl, run, "choose", "not_happened")
        assert run.state is RunState.COMPLETED
        assert (await hitl.grants())[0].used == 1
    assert paid(shop) == [1]


async def test_an_idempotent_call_that_was_cut_off_begins_again_under_its_grant_and_counts_once(shop: Shop) -> None:
    shop.policy = ASKS
    app = one_refund(shop.ledger, reversible=True, idempotent=True)

    class DiesBeforeEnd:
        def __init__(self, inner: Store) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        async def apply(self, command: Command[Any]) -> Any:
            if isinstance(command, EndEffect):
                raise Crash
            return await self.inner.apply(command)

    async with shop.open(app) as hitl:
        once = Allowance(tool="refund", times=1, sum_of="amount", most=5)
        grant = await hitl.grant(once, by="ann", lasts=HOUR)
    with pytest.raises(Crash):
        async with shop.open(app, wrap=lambda store: cast("Store", DiesBeforeEnd(store))) as hitl:
            await hitl.start({"amount": 5})
    shop.clock.advance(60)
    async with shop.open(app) as hitl:
        (run,) = (await hitl.runs()).items
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
        (known,), (effect,) = await hitl.grants(), await hitl.effects(run.id)
    assert (known.used, known.spent, effect.attempts, effect.grant_id) == (1, 5, 2, grant.id)
    assert len({line["key"] for line in shop.ledger.lines("refund")}) == 1


ACTION = Action(tool="refund", arguments={"amount": 5})


class Race:
    """A desk where, between the leave to run and the begin, somebody else does something; each turn counts."""

    def __init__(self, shop: Shop, meanwhile: Callable[[Race], Awaitable[object]], times: int = 1) -> None:
        self.shop, self.meanwhile, self.times, self.turns = shop, meanwhile, times, 0

    async def turn(self, gate: Gate) -> Ending:
        self.turns += 1
        allowed = await gate.propose(ACTION, call="a")
        if isinstance(allowed, Wait):
            return Paused({})
        assert isinstance(allowed, Proceed)
        if self.turns <= self.times:
            await self.meanwhile(self)
        await self.pays(gate, allowed)
        return Completed("paid")

    async def pays(self, gate: Gate, allowed: Proceed) -> None:
        async with gate.carry_out(allowed) as effect:
            self.shop.ledger.write("refund", amount=5)
            effect.outcome = Executed("paid")

    async def other_uses_it(self) -> None:
        """Another process, whose run is let through and begins."""

        async def other(gate: Gate) -> Ending:
            allowed = await gate.propose(ACTION, call="b")
            assert isinstance(allowed, Proceed)
            await self.pays(gate, allowed)
            return Completed(None)

        async with self.open(other) as hitl:
            assert (await hitl.start(None)).state is RunState.COMPLETED

    @asynccontextmanager
    async def open(self, *turns: Callable[[Gate], Awaitable[Ending]]) -> AsyncIterator[Runtime]:
        async with self.shop.open(None, adapter=Script(*(turns or [self.turn] * 6))) as hitl:
            hitl._around.catalogue.learn(REVERSIBLE)
            yield hitl


async def test_the_last_use_is_taken_once_and_the_other_run_asks_at_once(shop: Shop) -> None:
    shop.policy = ASKS
    race = Race(shop, Race.other_uses_it)
    async with race.open() as hitl:
        await hitl.grant(REFUNDS.model_copy(update={"times": 1}), by="ann", lasts=HOUR)
        run = await hitl.start(None)
        assert (run.state, race.turns, paid(shop)) == (RunState.PAUSED, 2, [5])
        assert "it is used up (1 of 1)" in only(run).because.why
        events = [entry.event for entry in await trail(hitl) if entry.subject == run.id]
        assert events.count("action.refused") == events.count("run.failed") == events.count("run.retried") == 1
        await hitl.respond(only(run).approve(by="ann"))
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
    assert paid(shop) == [5, 5]


async def test_another_grant_takes_its_place_at_once(shop: Shop) -> None:
    shop.policy = ASKS
    race = Race(shop, Race.other_uses_it)
    async with race.open() as hitl:
        first = await hitl.grant(REFUNDS.model_copy(update={"times": 1}), by="ann", lasts=HOUR)
        second = await hitl.grant(REFUNDS, by="mia", lasts=HOUR)
        run = await hitl.start(None)
        assert (run.state, race.turns) == (RunState.COMPLETED, 2)
        assert [effect.grant_id for effect in await hitl.effects(run.id)] == [second.id]
        assert {each.id: each.used for each in await hitl.grants()} == {first.id: 1, second.id: 1}
    assert paid(shop) == [5, 5]


async def test_whoever_loses_again_and_again_stays_failed_and_asks_when_it_is_resumed(shop: Shop) -> None:
    shop.policy = ASKS

    async def revoked(race: Race) -> None:
        async with race.open() as other:
            for grant in (await other.grants())[-race.turns :][:1]:
                await other.revoke_grant(grant.id, by="eve")

    race = Race(shop, revoked, times=9)
    async with race.open() as hitl:
        for _ in range(4):
            await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        run = await hitl.start(None)
        assert (run.state, race.turns, GrantRefused.code in run.error) == (RunState.FAILED, 4, True)
        assert (await hitl.resume(run.id)).state is RunState.PAUSED
    assert paid(shop) == []


async def test_what_others_did_to_the_run_meanwhile_stands(shop: Shop) -> None:
    shop.policy = ASKS

    async def revoked(race: Race) -> None:
        async with race.open() as other:
            (grant,) = await other.grants()
            await other.revoke_grant(grant.id, by="eve")

    race = Race(shop, revoked)
    taken: list[str] = []

    class Cancelled(PassesOn):
        """Another person cancels the run as soon as it has failed."""

        async def apply(self, command: Command[Any]) -> Any:
            done = await self.inner.apply(command)
            if isinstance(command, FinishRun) and command.state is RunState.FAILED:
                taken.append(command.lease.run_id)
                await self.inner.apply(CancelRun(command.lease.run_id, "bob", "enough", command.now))
            return done

    async with shop.open(
        None, adapter=Script(*[race.turn] * 6), wrap=lambda store: cast("Store", Cancelled(store))
    ) as hitl:
        hitl._around.catalogue.learn(REVERSIBLE)
        await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        run = await hitl.start(None)
    assert (run.state, race.turns, taken) == (RunState.CANCELLED, 1, [run.id])
    assert paid(shop) == []


async def test_a_run_that_failed_for_another_reason_is_not_tried_again_by_itself(shop: Shop) -> None:
    shop.policy = ASKS
    turns: list[int] = []

    async def swallows(gate: Gate) -> Ending:
        turns.append(1)
        allowed = await gate.propose(ACTION, call="a")
        assert isinstance(allowed, Proceed)
        async with Race(shop, Race.other_uses_it).open() as other:
            await other.revoke_grant((await other.grants())[0].id, by="eve")
        with suppress(GrantRefused):
            await gate.begin(allowed)
        return Broke("the printer is on fire")

    async with shop.open(None, adapter=Script(*[swallows] * 3)) as hitl:
        hitl._around.catalogue.learn(REVERSIBLE)
        await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        run = await hitl.start(None)
    assert (run.state, run.error, len(turns)) == (RunState.FAILED, "the printer is on fire", 1)


class PassesOn:
    """A store that passes everything on."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def test_a_call_with_secret_arguments_is_never_covered_and_says_why(shop: Shop) -> None:
    shop.policy = ASKS
    async with shop.open(one_refund(shop.ledger, reversible=True, secret=("order",))) as hitl:
        for when in (None, {"argument": "amount", "above": 1}, {"not": {"argument": "order", "equals": "A-7"}}):
            await hitl.grant(REFUNDS.model_copy(update={"when": when}), by="ann", lasts=HOUR)
        run = await hitl.start(None)
        assert (run.state, paid(shop)) == (RunState.PAUSED, [])
        assert "but: some of its arguments are secret" in only(run).because.why
        approved = only(run).approve(by="ann")
        with pytest.raises(GrantNotGiven, match="arguments: are secret in part"):
            await hitl.respond_and_grant(approved, like(only(run)), lasts=HOUR)
        await hitl.respond(approved)
        await hitl.resume(run.id)
    assert paid(shop) == [120.5]


async def test_grants_that_cannot_be_read_let_nothing_run(shop: Shop) -> None:
    shop.policy = ASKS

    class CannotRead:
        def __init__(self, inner: Store) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        async def fetch(self, query: Query[Any]) -> Any:
            if isinstance(query, ListGrants):
                raise StoreUnavailable("the disk is gone")
            return await self.inner.fetch(query)

    async with shop.open(reversible(shop.ledger)) as hitl:
        await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
    async with shop.open(reversible(shop.ledger), wrap=lambda store: cast("Store", CannotRead(store))) as hitl:
        assert (await hitl.start({"amount": 1})).state is RunState.PAUSED
    assert paid(shop) == []


async def test_a_limit_of_the_policy_holds_under_a_grant(shop: Shop) -> None:
    """What rules count is counted under a grant too, and what they ask of several people no grant gives."""
    budget = {"argument": "amount", "within": "1d", "above": 100}
    shop.policy = policy(rule("asks", level="confirm"), rule("never", effect="deny", when={"budget": budget}))
    async with shop.open(reversible(shop.ledger)) as hitl:
        await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        assert (await hitl.start({"amount": 80})).state is RunState.COMPLETED
        assert "not allowed" in str((await hitl.start({"amount": 21})).output)
        assert (await hitl.start({"amount": 20})).state is RunState.COMPLETED
    assert paid(shop) == [80, 20]


# ── from a request ───────────────────────────────────────────────────────────────────────────────────────────


async def test_an_approval_can_come_with_a_grant_for_what_is_like_it(shop: Shop) -> None:
    shop.policy = ASKS
    async with shop.open(reversible(shop.ledger)) as hitl:
        run = await hitl.start({"amount": 5})
        answer = only(run).approve(by="ann", reason="these are fine")
        recorded, grant = await hitl.respond_and_grant(answer, like(only(run), times=1), lasts=HOUR)
        assert (recorded.settled.state, grant.reason) == ("decided", "these are fine")
        with pytest.raises(GrantNotGiven, match="recorded before"):
            await hitl.respond_and_grant(answer, like(only(run), times=1), lasts=HOUR)
        await hitl.resume(run.id)
        assert "its condition does not hold" in await why(hitl, amount=6)
        assert (await hitl.start({"amount": 5})).state is RunState.COMPLETED
        assert "it is used up" in await why(hitl, amount=5)
    assert paid(shop) == [5, 5]


async def test_a_grant_for_a_run_that_there_is_not_leaves_the_request_open(shop: Shop) -> None:
    shop.policy = ASKS
    async with shop.open(reversible(shop.ledger)) as hitl:
        run = await hitl.start({"amount": 1})
        answer, own = only(run).approve(by="ann"), like(only(run), run_id=run.id)
        with pytest.raises(RunNotFound):
            await hitl.respond_and_grant(answer, own.model_copy(update={"run_id": "nowhere"}), lasts=HOUR)
        assert (await hitl.run(run.id)).state is RunState.PAUSED
        recorded, grant = await hitl.respond_and_grant(answer, own, lasts=HOUR)
        assert (recorded.run_state, grant.allows.run_id) == (RunState.READY, run.id)


async def test_a_grant_that_cannot_be_given_leaves_the_request_open(shop: Shop) -> None:
    shop.policy = ASKS
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({"amount": 5})
        for answer, said in (
            (only(run).approve(by="ann"), "not known to be reversible"),
            (only(run).reject(by="ann"), "only who approves"),
        ):
            with pytest.raises(GrantNotGiven, match=said):
                await hitl.respond_and_grant(answer, like(only(run)), lasts=HOUR)
        assert (await hitl.request(only(run).id)).state == "open"
    assert paid(shop) == []

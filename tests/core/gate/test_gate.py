"""The gate itself: the last checks before a tool, and what is reported after it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from hitl_adapters.plain import PlainAdapter, gate
from hitl_core.apps import AppSource
from hitl_core.commands import Effect, Known, Lease, Look, Query, SetStop, Settled, Stop, StopScope
from hitl_core.contracts import Completed, Ending, Paused, Store, Turn
from hitl_core.errors import AlreadyStarted, DigestMismatch, EffectRefused, LeaseLost
from hitl_core.gate import Form, Gate, Surroundings
from hitl_core.lifecycle import ActionState, RequestState
from hitl_core.policy import Policy
from hitl_core.protocol import (
    Action,
    EffectMode,
    Executed,
    Failed,
    Kind,
    Level,
    Proceed,
    Refuse,
    RunState,
    Substitute,
    Wait,
    receipt_of,
)
from hitl_core.testing.clock import START, ManualClock
from hitl_core.tools import Catalogue, Tool, Traits, current_call, tool
from tests.core import desk
from tests.core.shop import Shop, only, policy, rule

FREE = policy(rule("free", level="autonomous", allow_irreversible="a test"))
OTHER = desk.REFUND.edited({"order": "A-1042", "amount": 9000})


class Script(PlainAdapter):
    """An adapter whose turns are written in the test: each gets the gate and says how the turn ends."""

    def __init__(self, *turns: Any) -> None:
        super().__init__(AppSource("script:script", lambda value: value), catalogue=Catalogue())
        self.turns = list(turns)

    async def advance(self, turn: Turn) -> Ending:
        return cast("Ending", await self.turns.pop(0)(turn.gate))


async def play(shop: Shop, *turns: Any, decision: str = "") -> Any:
    """Run the turns of a script, giving this decision on what it asks in between; returns the run as it ends."""
    script = Script(*turns)
    async with shop.open(None, adapter=script) as hitl:
        run = await hitl.start(None)
        while script.turns:
            if decision:
                await hitl.respond(getattr(only(run), decision)(by="ann"))
            run = await hitl.resume(run.id)
        return run


async def asks(gate: Gate) -> Ending:
    assert isinstance(await gate.propose(desk.REFUND, call="refund#1"), Wait)
    return Paused({"version": 1})


def pays(shop: Shop, allowed: Proceed) -> Any:
    shop.ledger.write("refund", **allowed.action.arguments)


# ── the last checks ──────────────────────────────────────────────────────────────────────────────────────────


async def test_what_runs_must_be_what_was_approved(shop: Shop) -> None:
    async def swaps(gate: Gate) -> Ending:
        found = await gate.propose(desk.REFUND, call="refund#1")
        assert isinstance(found, Proceed)
        swapped = Proceed(OTHER, call=found.call, request_id=found.request_id)
        with pytest.raises(DigestMismatch):
            async with gate.carry_out(swapped):
                pays(shop, swapped)
        return Completed(None)

    run = await play(shop, asks, swaps, decision="approve")
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, 0)


async def test_an_approval_is_for_its_own_call_only(shop: Shop) -> None:
    async def reuses(gate: Gate) -> Ending:
        found = await gate.propose(desk.REFUND, call="refund#1")
        assert isinstance(found, Proceed)
        elsewhere = Proceed(found.action, call="refund#2", request_id=found.request_id)
        with pytest.raises(EffectRefused, match="is not about the call 'refund#2'"):
            async with gate.carry_out(elsewhere):
                pays(shop, elsewhere)
        return Completed(None)

    await play(shop, asks, reuses, decision="approve")
    assert shop.ledger.count() == 0


async def test_forgetting_the_request_is_no_way_around_it(shop: Shop) -> None:
    async def forgets(gate: Gate) -> Ending:
        with pytest.raises(EffectRefused, match="it decides"):
            async with gate.carry_out(Proceed(desk.REFUND, call="refund#1")):
                shop.ledger.write("refund")
        return Paused({"version": 1})

    await play(shop, asks, forgets, decision="reject")
    assert shop.ledger.count() == 0


async def test_what_is_being_asked_about_does_not_begin_meanwhile(shop: Shop) -> None:
    async def hurries(gate: Gate) -> Ending:
        await asks(gate)
        with pytest.raises(EffectRefused, match="people are being asked about the call 'refund#1'"):
            async with gate.carry_out(Proceed(desk.REFUND, call="refund#1")):
                shop.ledger.write("refund")
        return Paused({"version": 1})

    assert (await play(shop, hurries)).state is RunState.PAUSED
    assert shop.ledger.count() == 0


async def test_a_call_is_started_once_in_a_turn(shop: Shop) -> None:
    shop.policy = FREE

    async def twice(gate: Gate) -> Ending:
        found = await gate.propose(desk.REFUND, call="refund#1")
        assert isinstance(found, Proceed)
        async with gate.carry_out(found) as effect:
            pays(shop, found)
            with pytest.raises(AlreadyStarted, match="is running now"):
                await gate.propose(desk.REFUND, call="refund#1")
            with pytest.raises(AlreadyStarted, match="not started a second time"):
                await gate.begin(found)
            assert list(gate.unfinished) == ["refund#1"]
            effect.outcome = Executed("paid")
        assert list(gate.unfinished) == []
        assert await gate.propose(desk.REFUND, call="refund#1") == Substitute("paid", recorded=True)
        return Completed(None)

    await play(shop, twice)
    assert shop.ledger.count() == 1


@pytest.mark.parametrize(
    ("kept", "receipt"),
    [({"a framework": "its form"}, {"paid": 9}), ({"paid": 9}, {"paid": 9}), ("a text", "a text")],
)
async def test_an_undo_gets_what_the_tool_returned(shop: Shop, kept: Any, receipt: Any) -> None:
    """In whatever form a framework keeps a result, what the tool itself returned stands beside it."""
    shop.policy = FREE
    pay = tool(name="issue_refund")(lambda: {"paid": 9})

    async def keeps(gate: Gate) -> Ending:
        found = await gate.propose(desk.REFUND, call="refund#1")
        assert isinstance(found, Proceed)
        async with gate.carry_out(found) as effect:
            await pay.run({})
            effect.outcome = Executed(kept)
        return Completed(None)

    run = await play(shop, keeps)
    async with shop.open(None) as hitl:
        (effect,) = await hitl.effects(run.id)
    assert receipt_of(effect.result) == receipt


async def test_a_finished_call_never_begins_again(shop: Shop) -> None:
    shop.policy = FREE

    async def again(gate: Gate) -> Ending:
        found = await gate.propose(desk.REFUND, call="refund#1")
        assert isinstance(found, Proceed)
        async with gate.carry_out(found) as effect:
            pays(shop, found)
            effect.outcome = Failed("no money")
        assert await gate.propose(desk.REFUND, call="refund#1") == Refuse("This call was tried and failed: no money")
        with pytest.raises(AlreadyStarted):
            await gate.begin(found)
        return Completed(None)

    await play(shop, again)
    assert shop.ledger.count() == 1


async def test_a_gate_without_its_lease_begins_nothing(shop: Shop) -> None:
    shop.policy = FREE
    kept: list[Gate] = []

    async def keeps(gate: Gate) -> Ending:
        kept.append(gate)
        found = await gate.propose(desk.REFUND, call="refund#1")
        assert isinstance(found, Proceed)
        return Paused({"version": 1})

    async with shop.open(None, adapter=Script(keeps)) as hitl:
        await hitl.start(None)
        with pytest.raises(LeaseLost):
            await kept[0].begin(Proceed(desk.REFUND, call="refund#1"))
        assert kept[0].unfinished == ()
        with pytest.raises(LeaseLost):
            await kept[0].remember("key", 1)


# ── what is reported ─────────────────────────────────────────────────────────────────────────────────────────


class Pause(Exception):
    """How a tool of some framework says that it waits itself."""


async def waits_inside(gate: Gate, found: Proceed) -> None:
    async with gate.carry_out(found, suspends=(Pause,)):
        assert (current_call().key, current_call().attempt) == (f"{gate.run.id}:refund#1", 1)
        raise Pause


async def test_a_tool_that_pauses_inside_begins_again_on_resume(shop: Shop) -> None:
    shop.policy = FREE

    async def pauses(gate: Gate) -> Ending:
        found = await gate.propose(desk.REFUND, call="refund#1")
        assert isinstance(found, Proceed)
        with pytest.raises(Pause):
            await waits_inside(gate, found)
        assert gate.unfinished == ()
        return Paused({"version": 1})

    async def finishes(gate: Gate) -> Ending:
        found = await gate.propose(desk.REFUND, call="refund#1")
        assert isinstance(found, Proceed)
        async with gate.carry_out(found, suspends=(Pause,)) as effect:
            assert current_call().attempt == 2
            pays(shop, found)
            effect.outcome = Executed(None)
        return Completed(None)

    run = await play(shop, pauses, finishes)
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, 1)


async def test_an_error_of_a_tool_is_recorded_and_goes_on(shop: Shop) -> None:
    shop.policy = FREE

    async def fails(gate: Gate) -> Ending:
        found = await gate.propose(desk.REFUND, call="refund#1")
        assert isinstance(found, Proceed)
        with pytest.raises(ZeroDivisionError):
            async with gate.carry_out(found):
                _ = 1 / 0
        assert await gate.propose(desk.REFUND, call="refund#1") == Refuse(
            "This call was tried and failed: ZeroDivisionError: division by zero"
        )
        return Completed(None)

    assert (await play(shop, fails)).state is RunState.COMPLETED


async def test_without_an_outcome_the_effect_stays_in_doubt(shop: Shop) -> None:
    shop.policy = FREE

    async def says_nothing(gate: Gate) -> Ending:
        found = await gate.propose(desk.REFUND, call="refund#1")
        assert isinstance(found, Proceed)
        async with gate.carry_out(found):
            pays(shop, found)
        return Paused({"version": 1})

    async def looks(gate: Gate) -> Ending:
        found = await gate.propose(desk.REFUND, call="refund#1")
        assert isinstance(found, Wait)
        assert found.request.in_doubt
        assert (await gate.propose(desk.REFUND, call="refund#1")) != found  # not stored yet: asked anew
        assert len(gate.waiting) == 1
        return Paused({"version": 1})

    run = await play(shop, says_nothing, looks)
    assert only(run).in_doubt


async def test_a_tool_in_a_thread_uses_the_same_door(shop: Shop) -> None:
    shop.policy = FREE

    async def in_a_thread(gate: Gate) -> Ending:
        found = await gate.propose(desk.REFUND, call="refund#1")
        assert isinstance(found, Proceed)

        def work() -> str:
            with gate.carry_out(found) as effect:
                shop.ledger.write("refund", key=current_call().key)
                effect.outcome = Executed("paid")
            return "paid"

        assert await asyncio.to_thread(work) == "paid"
        with pytest.raises(RuntimeError, match="call it in a thread"), gate.carry_out(found):
            pass
        return Completed(None)

    run = await play(shop, in_a_thread)
    assert [line["key"] for line in shop.ledger.lines()] == [f"{run.id}:refund#1"]


async def test_the_journal_remembers_the_first_value(shop: Shop) -> None:
    async def remembers(gate: Gate) -> Ending:
        assert await gate.remember("model#1", {"said": None}) == {"said": None}
        assert await gate.remember("model#1", "something else") == {"said": None}
        assert await gate.journal() == {"model#1": {"said": None}}
        return Completed(None)

    assert (await play(shop, remembers)).state is RunState.COMPLETED


@pytest.mark.parametrize(
    ("scope", "target", "heeded"),
    [
        (StopScope.ALL, "", True),
        (StopScope.TENANT, "default", True),
        (StopScope.RUN, "another run", False),
        (StopScope.TOOL, "refund", False),
    ],
)
async def test_a_framework_can_end_between_steps_under_a_stop(
    shop: Shop, scope: StopScope, target: str, heeded: bool
) -> None:
    async def steps(gate: Gate) -> Ending:
        assert not await gate.heed_stops()
        await gate._store.apply(SetStop(Stop(scope, target, "audit", "bob", START)))
        assert await gate.heed_stops() == heeded
        return Completed(None)

    run = await play(shop, steps)
    assert run.state is (RunState.STOPPED if heeded else RunState.COMPLETED)


# ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_gate_knows_the_places_it_was_asked_about(shop: Shop) -> None:
    async def looks(gate: Gate) -> Ending:
        assert await gate.knows("refund#1")
        assert not await gate.knows("mail")
        settled = await gate.settled("refund#1")
        assert settled is not None
        assert settled.state is RequestState.DECIDED
        assert await gate.settled("mail#1") is None
        found = await gate.propose(desk.REFUND, call="refund#1")
        assert isinstance(found, Proceed)
        async with gate.carry_out(found) as effect:
            effect.outcome = Executed(None)
        assert await gate.knows("refund#1")
        return Completed(None)

    await play(shop, asks, looks, decision="approve")


@pytest.mark.parametrize(
    "rules",
    [
        rule("free", level="autonomous", allow_irreversible="a test"),
        rule("veto", level="notify", veto="1h", allow_irreversible="a test"),
    ],
    ids=["autonomous", "veto"],
)
async def test_a_pause_that_the_app_made_itself_always_asks(shop: Shop, rules: str) -> None:
    shop.policy = policy(rules)

    async def lifts(gate: Gate) -> Ending:
        request = gate.lift(desk.REFUND, call="refund#1", form=Form(kind=Kind.INPUT, title="Why?"))
        assert (request.level, request.veto, request.title) == (Level.CONFIRM, False, "Why?")
        return Paused({"version": 1}, requests=(request,))

    assert only(await play(shop, lifts)).kind is Kind.INPUT


async def test_a_stricter_level_is_kept_for_a_pause_of_the_apps(shop: Shop) -> None:
    shop.policy = policy(rule("together", level="collaborate", deadline="1h"))

    async def lifts(gate: Gate) -> Ending:
        request = gate.lift(desk.REFUND, call="refund#1", form=Form(), round=3)
        assert (request.level, request.round, request.because.rule) == (Level.COLLABORATE, 3, "together")
        assert request.deadline is not None
        return Paused({"version": 1}, requests=(request,))

    await play(shop, lifts)


async def test_of_a_lifted_and_a_gated_request_at_one_place_the_gates_counts(shop: Shop) -> None:
    async def twice(gate: Gate) -> Ending:
        lifted = gate.lift(desk.REFUND, call="refund#1", form=Form(title="lifted"))
        await gate.propose(desk.REFUND, call="refund#1", form=Form(title="gated"))
        return Paused({"version": 1}, requests=(lifted,))

    assert only(await play(shop, twice)).title == "gated"


async def test_a_preview_cannot_change_what_runs(shop: Shop) -> None:
    """What a preview does to the arguments must reach neither the person nor the tool."""

    def preview(arguments: dict[str, Any]) -> str:
        arguments["items"].append("a car")
        return f"ships {len(arguments['items'])} items"

    action = Action(tool="ship", arguments={"items": ["a book"]})

    async def ships(gate: Gate) -> Ending:
        gate.catalogue.learn(Tool("ship", "Ship.", traits=Traits(preview=preview)))
        found = await gate.propose(action, call="ship#1")
        assert isinstance(found, Wait)
        return Paused({"version": 1})

    request = only(await play(shop, ships))
    assert (request.preview.effect, request.action.arguments) == ("ships 2 items", {"items": ["a book"]})
    assert request.action.digest == request.digest == action.digest


# ── what cannot be known refuses ─────────────────────────────────────────────────────────────────────────────


class Remembers:
    """A store that knows one thing about every place."""

    def __init__(self, state: ActionState, settled: Settled | None = None) -> None:
        self.effect = Effect("refund#1", desk.REFUND, state, EffectMode.LEDGER, 1, 1, error="too much")
        self.settled = settled

    async def fetch(self, query: Query[Any]) -> Known:
        assert isinstance(query, Look)
        return Known(self.settled, self.effect)


def door(store: Remembers) -> Gate:
    around = Surroundings(
        store=cast("Store", store), policy=lambda: Policy(), clock=ManualClock(), catalogue=Catalogue()
    )
    return Gate(around, desk.run(), Lease("run-1", "me", 2, START))


@pytest.mark.parametrize("state", [ActionState.PROPOSED, ActionState.ANSWERED, ActionState.REFUSED, ActionState.FAILED])
async def test_an_action_in_a_state_that_does_not_allow_it_is_refused(state: ActionState) -> None:
    assert isinstance(await door(Remembers(state)).propose(desk.REFUND, call="refund#1"), Refuse)


@pytest.mark.parametrize("state", [RequestState.OPEN, RequestState.FROZEN])
async def test_a_doubt_that_nobody_has_resolved_waits(state: RequestState) -> None:
    question = desk.request(kind=Kind.CHOICE, in_doubt=True, handle={"attempt": 1})
    store = Remembers(ActionState.IN_DOUBT, Settled(question, state))
    assert await door(store).propose(desk.REFUND, call="refund#1") == Wait(question)


def test_a_surrounding_without_channels_tells_nobody() -> None:
    around = Surroundings(
        store=cast("Store", None), policy=lambda: Policy(), clock=ManualClock(), catalogue=Catalogue()
    )
    around.announce(desk.request())
    assert around.now() == START


def test_the_plain_gate_is_another_thing() -> None:
    assert not isinstance(gate, Gate)

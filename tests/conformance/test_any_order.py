"""Anything in any order, on every adapter: start, answer, answer again, resume, restart, expire, stop, revoke, cancel.

The ledger must never hold a payment without exactly one valid decision for exactly that call and amount, twice, under a
stop, or in a run that was cancelled.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from hitl_adapters.langgraph.kit import Kit as LangGraphKit
from hitl_adapters.plain.kit import Kit as PlainKit
from hitl_core.commands import StopScope
from hitl_core.errors import HitlError
from hitl_core.protocol import Approve, Edit, PauseRequest, Response, Run
from hitl_core.runtime import Runtime
from hitl_core.testing.conformance import Kit, Scene, World
from hitl_core.testing.conformance.broken import BROKEN
from hitl_core.testing.conformance.scenes import ask, pay
from hitl_core.testing.conformance.suite import fresh_folder
from hitl_core.testing.conformance.world import Parts
from hitl_core.testing.conformance.world import rule as policy_rule

T = TypeVar("T")

SCENE = Scene.of((pay("A", 1.5), pay("B", 2.5)), ask(), pay("C", 3.5))
STOPS = ((StopScope.ALL, ""), (StopScope.TOOL, "pay"), (StopScope.TENANT, "default"))
picks = st.integers(0, 30)


class Desk(RuleBasedStateMachine):
    """One world. What was allowed is kept here, what was paid is in the ledger."""

    kit: ClassVar[Kit]
    parts: ClassVar[Parts] = Parts()

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.loop = self.stack.enter_context(asyncio.Runner())
        self.world = World(self.kit, self.stack.enter_context(fresh_folder()), self.parts)
        self.world.rules(policy_rule("asks", level="confirm", deadline="1h"))
        self.world.sets(SCENE)
        self.runs: list[Run] = []
        self.requests: dict[str, PauseRequest] = {}
        self.given: list[Response] = []
        self.allowed: dict[str, float] = {}
        self.cancelled: set[str] = set()
        self.stops: set[tuple[StopScope, str]] = set()
        self.seen = 0

    def teardown(self) -> None:
        self.loop.run(self.world.close())
        self.stack.close()

    def does(self, work: Callable[[Runtime], Awaitable[T]]) -> T | None:
        """Do something that may be refused by name; then look at what waits."""

        async def done() -> T | None:
            hitl = await self.world.hitl()
            try:
                return await work(hitl)
            except HitlError:
                return None
            finally:
                for each in (await hitl.inbox()).items:
                    self.requests[each.request.id] = each.request

        return self.loop.run(done())

    # ── what can happen ──────────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: len(self.runs) < 3)
    @rule()
    def start(self) -> None:
        run = self.does(lambda hitl: self.world.start())
        if run is not None:
            self.runs.append(run)

    @precondition(lambda self: self.requests)
    @rule(
        pick=picks,
        decision=st.sampled_from(["approve", "approve", "edit", "reject", "answer"]),
        goes_on=st.booleans(),
    )
    def answer(self, pick: int, decision: str, goes_on: bool) -> None:
        request = list(self.requests.values())[-1 - pick % len(self.requests)]
        match decision:
            case "edit":
                response = request.edit({**request.action.arguments, "amount": 9.5}, by="ann")
            case "reject":
                response = request.reject("no", by="ann")
            case "answer":
                response = request.answer("by hand", by="ann")
            case _:
                response = request.approve(by="ann")
        self.sends(request, response)
        if goes_on:
            self.does(lambda hitl: hitl.resume(request.run_id))

    @precondition(lambda self: self.given)
    @rule(pick=picks)
    def answer_again(self, pick: int) -> None:
        response = self.given[pick % len(self.given)]
        recorded = self.does(lambda hitl: hitl.respond(response))
        assert recorded is None or recorded.replayed

    def sends(self, request: PauseRequest, response: Response) -> None:
        recorded = self.does(lambda hitl: hitl.respond(response))
        if recorded is None or recorded.replayed:
            return
        self.given.append(response)
        key = f"{request.run_id}:{request.call}"
        assert key not in self.allowed, f"{key} was decided twice"
        match response.decision:
            case Approve():
                self.allowed[key] = float(str(request.action.arguments["amount"]))
            case Edit(arguments=arguments):
                self.allowed[key] = float(str(arguments["amount"]))
            case _:
                pass

    @precondition(lambda self: self.runs)
    @rule(pick=picks)
    def resume(self, pick: int) -> None:
        run = self.runs[pick % len(self.runs)]
        self.does(lambda hitl: hitl.resume(run.id))

    @rule()
    def restart(self) -> None:
        self.loop.run(self.world.leave())

    @rule(minutes=st.sampled_from([20, 61]))
    def time_passes(self, minutes: int) -> None:
        self.world.clock.advance(minutes=minutes)

    @rule(stop=st.sampled_from(STOPS))
    def stop(self, stop: tuple[StopScope, str]) -> None:
        self.does(lambda hitl: hitl.stop(*stop, by="bob", reason="audit"))
        self.stops.add(stop)

    @precondition(lambda self: self.stops)
    @rule(pick=picks)
    def lift(self, pick: int) -> None:
        stop = sorted(self.stops)[pick % len(self.stops)]
        self.does(lambda hitl: hitl.lift(*stop, by="bob", reason="fine"))
        self.stops.discard(stop)

    @precondition(lambda self: self.given)
    @rule(pick=picks)
    def revoke(self, pick: int) -> None:
        request = self.requests[self.given[pick % len(self.given)].request_id]
        if self.does(lambda hitl: hitl.revoke(request.id, by="bob")) is not None:
            self.allowed.pop(f"{request.run_id}:{request.call}", None)

    @precondition(lambda self: self.runs)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        run = self.runs[pick % len(self.runs)]
        if self.does(lambda hitl: hitl.cancel(run.id, by="bob")) is not None:
            self.cancelled.add(run.id)

    # ── what must hold ───────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def nothing_is_paid_that_was_not_allowed(self) -> None:
        ledger = self.world.stage.happened()
        new, self.seen = ledger[self.seen :], len(ledger)
        for line in new:
            assert self.allowed.get(line["key"]) == line["amount"], f"{line} was not allowed: {self.allowed}"
            assert line["key"].partition(":")[0] not in self.cancelled, f"{line} after the end of its run"
            assert not self.stops, f"{line} under {self.stops}"

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        counts = Counter(line["key"] for line in self.world.stage.happened())
        assert not [key for key, number in counts.items() if number > 1], counts


UNHURRIED = settings(
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
    print_blob=False,
)


@pytest.mark.parametrize(("kit", "examples"), [(PlainKit(), 25), (LangGraphKit(), 10)], ids=["plain", "langgraph"])
def test_in_any_order(kit: Kit, examples: int) -> None:
    machine = type("Machine", (Desk,), {"kit": kit})
    run_state_machine_as_test(machine, settings=settings(UNHURRIED, max_examples=examples))


@pytest.mark.parametrize("name", ["RunsBeforeAsking", "RunsAfterReject", "RunsTwice"])
def test_what_is_broken_is_found(name: str) -> None:
    machine = type("Machine", (Desk,), {"kit": PlainKit(), "parts": BROKEN[name].parts})
    once = settings(UNHURRIED, max_examples=200, phases=(Phase.generate,))
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=once)

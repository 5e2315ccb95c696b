"""Anything in any order on one adapter: start, answer (again), resume, crash, restart, expire, stop, revoke, cancel.

try_in_any_order(Kit())                  # needs the package hypothesis; raises AssertionError with the shortest story

The ledger must never hold a payment without exactly one valid decision for exactly that call and amount, twice, under a
stop, or in a run that was cancelled.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import ClassVar, Final, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ...commands import StopScope
from ...errors import HitlError
from ...gate import ABORT, HAPPENED, NOT_HAPPENED
from ...protocol import Approve, Edit, PauseRequest, Response, Run
from ...runtime import Runtime
from .kit import Kit
from .scenes import Scene, ask, pay
from .suite import Trial, quiet
from .world import LEASE, Parts
from .world import rule as policy_rule

T = TypeVar("T")

SCENE: Final = Scene.of((pay("A", 1.5), pay("B", 2.5)), ask(), pay("C", 3.5))
STOPS: Final = ((StopScope.ALL, ""), (StopScope.TOOL, "pay"), (StopScope.TENANT, "default"))
CRASHES: Final = ("after ClaimRuns 1", "after BeginEffect 1", "before EndEffect 1", "after EndEffect 1")
MOST_CRASHES: Final = 2
"""A process that dies costs most of the time of a story."""

picks = st.integers(0, 30)


class Desk(RuleBasedStateMachine):
    """One world. What was allowed is kept here, what was paid is in the ledger."""

    trial: ClassVar[Trial]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.loop = self.stack.enter_context(asyncio.Runner())
        self.stack.enter_context(quiet())
        self.world = self.stack.enter_context(self.trial.fresh_world())
        self.world.rules(policy_rule("asks", level="confirm", deadline="1h"))
        self.world.sets(SCENE)
        self.runs: list[Run] = []
        self.requests: dict[str, PauseRequest] = {}
        self.given: list[Response] = []
        self.allowed: dict[str, float] = {}
        self.cancelled: set[str] = set()
        self.stops: set[tuple[StopScope, str]] = set()
        self.crashes = 0
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
        if request.in_doubt:
            self.does(lambda hitl: hitl.respond(self.truth(request, decision)))
        else:
            self.sends(request, said(request, decision))
        if goes_on:
            self.does(lambda hitl: hitl.resume(request.run_id))

    def truth(self, request: PauseRequest, decision: str) -> Response:
        """Whoever looks at the ledger knows whether a call had its effect; or somebody who does not look ends it."""
        if decision == "reject":
            return request.choose(ABORT.id, by="ann")
        paid = any(line["key"] == f"{request.run_id}:{request.call}" for line in self.world.stage.happened())
        return request.choose((HAPPENED if paid else NOT_HAPPENED).id, by="ann")

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

    @precondition(lambda self: self.runs and self.crashes < MOST_CRASHES)
    @rule(point=st.sampled_from(CRASHES))
    def crash(self, point: str) -> None:
        """Somebody approves what waits; a process that resumes the newest run is killed there, or at its end."""
        self.crashes += 1
        for request in [*self.requests.values()]:
            if request.run_id == self.runs[-1].id and not request.in_doubt:
                self.sends(request, said(request, "approve"))
        self.loop.run(self.world.elsewhere((("resume",),), crash=point))
        self.world.clock.advance(LEASE)
        self.does(lambda hitl: hitl.tick())

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


def said(request: PauseRequest, decision: str) -> Response:
    """What a person says to a request, fitting or not."""
    match decision:
        case "edit":
            return request.edit({**request.action.arguments, "amount": 9.5}, by="ann")
        case "reject":
            return request.reject("no", by="ann")
        case "answer":
            return request.answer("by hand", by="ann")
        case _:
            return request.approve(by="ann")


UNHURRIED: Final = settings(
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
    print_blob=False,
)


def try_in_any_order(
    kit: Kit,
    *,
    examples: int = 25,
    shrinks: bool = True,
    store: str = "",
    parts: Parts | None = None,
    parts_name: str = "",
) -> None:
    """Play `examples` stories on a kit. Raises AssertionError for what must never happen, what loading it raises.

    `store`, `parts` and `parts_name` are as in Trial. Without `shrinks` the first story that fails is good enough.
    """
    how = settings(UNHURRIED, max_examples=examples)
    if not shrinks:
        how = settings(how, phases=(Phase.generate,))
    with Trial(kit, store=store, parts=parts, parts_name=parts_name) as trial:
        run_state_machine_as_test(type("Machine", (Desk,), {"trial": trial}), settings=how)

"""Anything in any order: start, answer, answer again or wrongly, crash, resume, expire, stop, lift, revoke, cancel,
and between a look and what is written after it; by strangers too, and with an app that changes.

The tool itself knows what was allowed and when, and takes note of every effect that should not have been: without
exactly one valid decision of somebody who may decide, with other arguments, under a stop, twice, or in a run that was
over.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hitl_adapters.plain import Refused, gate
from hitl_core.commands import Claimed, LiftStop, ListRequests, SetStop, Stop, StopScope
from hitl_core.contracts import Store
from hitl_core.errors import HitlError, LeaseLost, ResponseRefused, RunBusy, Stopped, StoreUnavailable
from hitl_core.lifecycle import IllegalMove, RequestState
from hitl_core.protocol import PauseRequest, Response, RunState
from hitl_core.runtime import Runtime
from hitl_core.testing.around import StoreAround
from hitl_core.testing.crashing import CrashingStore, CrashPoint
from hitl_core.testing.interleaving import InterleavingStore
from hitl_core.tools import current_call
from tests.core.shop import LEASE, Crash, Shop, crash, policy
from tests.core.shop import rule as policy_rule

T = TypeVar("T")
Wrap = Callable[[Store], Store]

FREE, DENIED = 10, 500
RULES = policy(
    policy_rule(
        "small", when={"argument": "amount", "at_most": FREE}, level="autonomous", allow_irreversible="small change"
    ),
    policy_rule(
        "asks",
        when={"argument": "amount", "above": FREE},
        level="confirm",
        deadline="1h",
        approvers={"users": ["ann", "bob", "cleo"]},
    ),
    policy_rule("large", when={"argument": "amount", "above": DENIED}, effect="deny"),
)
COMMANDS = ("OpenRun", "PauseRun", "ClaimRuns", "RecordResponse", "BeginEffect", "EndEffect", "MoveEffect", "FinishRun")
STOPS = ((StopScope.ALL, ""), (StopScope.TOOL, "refund"), (StopScope.TENANT, "default"))

amounts = st.sampled_from([5.0, 50.0, 300.0, 900.0])
picks = st.integers(0, 20)
STRANGERS = ("mallory",)
DECISIONS = ("approve", "approve", "edit", "reject", "answer")


class Hiccup(StoreAround):
    """A store that cannot be reached for one command: it was never carried out, or nobody hears that it was."""

    def __init__(self, inner: Store, command: str, when: str) -> None:
        super().__init__(inner)
        self.command = command
        self.when = when

    async def apply(self, command: Any) -> Any:
        if type(command).__name__ != self.command:
            return await self.inner.apply(command)
        self.command = ""
        if self.when == "after":
            await self.inner.apply(command)
        raise StoreUnavailable("away for a moment")


class Desk(RuleBasedStateMachine):
    """One shop; every step is a process of its own."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="hitl-test-")
        self.loop = asyncio.Runner()
        self.shop = Shop(Path(self.folder.name), policy=RULES)
        self.requests: dict[str, PauseRequest] = {}
        self.waiting: list[PauseRequest] = []
        self.ready: list[str] = []
        self.given: list[Response] = []
        self.allowed: dict[str, float] = {}
        self.refused: set[tuple[str, float]] = set()
        self.paid: Counter[str] = Counter()
        self.over: dict[str, int] = {}
        self.stops: set[tuple[StopScope, str]] = set()
        self.wrong: list[str] = []
        self.dies_in_tool = ""
        self.changed = 0.0
        self.frozen: list[tuple[contextlib.AsyncExitStack, Runtime, Claimed]] = []

    # ── the app ──────────────────────────────────────────────────────────────────────────────────────────────

    def app(self) -> Any:
        @gate.guard
        async def refund(amount: float) -> str:
            self._die("before")
            self._pay(current_call().key, current_call().run_id, amount)
            self._die("after")
            return f"paid {amount}"

        more = self.changed

        async def one(amount: float) -> str:
            try:
                return str(await refund(amount + more))
            except Refused:
                return "refused"

        async def desk(input: Any) -> Any:
            if input["together"]:
                return await gate.together(*(one(amount) for amount in input["amounts"]))
            return [await one(amount) for amount in input["amounts"]]

        return desk

    def _die(self, when: str) -> None:
        if self.dies_in_tool == when:
            self.dies_in_tool = ""
            raise Crash

    def _pay(self, key: str, run_id: str, amount: float) -> None:
        """The effect. What should have stopped it is written down, not raised: the code under test must not see it."""
        if amount > FREE and self.allowed.get(key) != amount:
            self.wrong.append(f"{key}: {amount} was paid, allowed was {self.allowed.get(key)}")
        if self.stops:
            self.wrong.append(f"{key}: paid under {self.stops}")
        if run_id in self.over:
            self.wrong.append(f"{key}: paid after the end of its run")
        if (key, amount) in self.refused:
            self.wrong.append(f"{key}: paid although a person had said no")
        self.paid[key] += 1

    # ── processes ────────────────────────────────────────────────────────────────────────────────────────────

    def process(
        self, work: Callable[[Runtime], Awaitable[T]], at: CrashPoint | None = None, between: Wrap | None = None
    ) -> T | None:
        """Do some work in a new process, which may die; look at the requests and runs there are afterwards."""
        wrap = between or (lambda store: CrashingStore(store, at, crash=crash))
        return self.loop.run(self._process(work, wrap))

    async def _process(self, work: Callable[[Runtime], Awaitable[T]], wrap: Wrap) -> T | None:
        done = None
        async with self.shop.open(self.app(), wrap=wrap) as hitl:
            try:
                done = await work(hitl)
            except Crash:
                pass
            except (Stopped, ResponseRefused, IllegalMove, RunBusy):
                pass  # refused by name, which changes nothing
        self.dies_in_tool = ""
        async with self.shop.open(self.app()) as hitl:
            await self._look(hitl)
        return done

    async def _look(self, hitl: Runtime) -> None:
        self.waiting = [settled.request for settled in (await hitl.inbox(limit=100)).items]
        self.requests |= {request.id: request for request in self.waiting}
        self.ready = []
        for run in (await hitl.runs(limit=100)).items:
            self.ready += [run.id] if run.state in (RunState.READY, RunState.RUNNING, RunState.FAILED) else []
            paid = sum(count for key, count in self.paid.items() if key.startswith(run.id))
            if run.state.over and self.over.setdefault(run.id, paid) != paid:
                self.wrong.append(f"{run.id}: something ran after its end")

    def _request(self, pick: int) -> PauseRequest:
        return list(self.requests.values())[pick % len(self.requests)]

    def _key(self, request: PauseRequest) -> str:
        return f"{request.run_id}:{request.call}"

    async def _respond(self, hitl: Runtime, response: Response) -> None:
        """Answer, and remember what that allows if (and only if) it was taken, whatever happens to the process."""
        try:
            with contextlib.suppress(Crash):
                await hitl.respond(response)
        finally:
            async with self.shop.open(self.app()) as looking:
                settled = await looking.request(response.request_id)
            if settled.response == response and response not in self.given:
                self.given.append(response)
                self.requests.setdefault(settled.request.id, settled.request)
                self._allow(settled.request, response)

    def _allow(self, request: PauseRequest, response: Response) -> None:
        key, decision = self._key(request), response.decision
        if request.deadline is not None and request.deadline <= self.shop.clock.now():
            self.wrong.append(f"{key}: a late answer was taken")
        settled_by_anybody = request.in_doubt and _amount(request) <= FREE  # a doubt about what runs unasked
        stranger = response.responder.id in STRANGERS and not settled_by_anybody
        if stranger or response.digest != request.digest:
            self.wrong.append(f"{key}: an answer of {response.responder.id} was taken")
        if request.in_doubt:
            return
        if decision.type == "approve":
            self.allowed[key] = _amount(request)
        elif decision.type == "edit":
            self.allowed[key] = float(str(decision.arguments["amount"]))
        else:
            self.refused.add((key, _amount(request)))
            return
        self.refused.discard((key, self.allowed[key]))  # they were asked once more, and have said yes

    def _answer(self, request: PauseRequest, decision: str, by: str) -> Response:
        if request.in_doubt:  # a person who looks, and says what is true
            return request.choose("happened" if self.paid[self._key(request)] else "not_happened", by=by)
        match decision:
            case "edit":
                return request.edit({"amount": 20.0}, by=by)
            case "answer":
                return request.answer("a voucher", by=by)
            case _:
                made: Response = getattr(request, decision)(by=by)
                return made

    # ── what can happen ──────────────────────────────────────────────────────────────────────────────────────

    @initialize(amounts=st.lists(amounts, min_size=1, max_size=3), together=st.booleans())
    def open(self, amounts: list[float], together: bool) -> None:
        self.start(amounts, together)

    @precondition(lambda self: len(self.waiting) + len(self.ready) < 6)
    @rule(amounts=st.lists(amounts, min_size=1, max_size=3), together=st.booleans())
    def start(self, amounts: list[float], together: bool) -> None:
        self.process(lambda hitl: hitl.start({"amounts": [*amounts], "together": together}))

    @precondition(lambda self: self.waiting)
    @rule(pick=picks, decision=st.sampled_from(DECISIONS), by=st.sampled_from(["ann", "bob"]))
    def answer(self, pick: int, decision: str, by: str) -> None:
        response = self._answer(self.waiting[pick % len(self.waiting)], decision, by)
        self.process(lambda hitl: self._respond(hitl, response))

    @precondition(lambda self: self.requests)
    @rule(pick=picks, decision=st.sampled_from(DECISIONS))
    def answer_something_old(self, pick: int, decision: str) -> None:
        response = self._answer(self._request(pick), decision, "cleo")
        self.process(lambda hitl: self._respond(hitl, response))

    @precondition(lambda self: self.given)
    @rule(pick=picks)
    def answer_again(self, pick: int) -> None:
        response = self.given[pick % len(self.given)]
        recorded = self.process(lambda hitl: hitl.respond(response))
        assert recorded is not None
        assert recorded.replayed

    @precondition(lambda self: self.requests)
    @rule(pick=picks, wrong=st.sampled_from(["digest", "type", "option", "tool"]))
    def answer_wrongly(self, pick: int, wrong: str) -> None:
        request = self._request(pick)
        answers = {
            "digest": request.approve(by="eve").model_copy(update={"digest": "sha256:0"}),
            "type": request.edit({"amount": "20"}, by="eve"),
            "option": request.choose("yes", by="eve"),
            "tool": request.edit({"amount": 20.0, "tool": "wire"}, by="eve"),
        }
        assert self.process(lambda hitl: hitl.respond(answers[wrong])) is None

    @precondition(lambda self: self.requests)
    @rule(pick=picks, wrong=st.sampled_from(["stranger", "digest", "nothing"]), stopped=st.booleans())
    def answer_while_a_stop_comes_or_goes(self, pick: int, wrong: str, stopped: bool) -> None:
        """A stop is in force at the look and lifted before the answer is written, or the other way round."""
        if self.stops:
            return
        request, scope = self._request(pick), (StopScope.ALL, "")
        response = self._answer(request, "approve", "mallory" if wrong == "stranger" else "ann")
        if wrong == "digest":
            response = response.model_copy(update={"digest": "sha256:0"})

        async def turn(store: Store) -> None:
            now = self.shop.clock.now()
            put, lift = SetStop(Stop(*scope, "a test", "bob", now)), LiftStop(*scope, "a test", "bob", now)
            await store.apply(lift if stopped else put)

        if stopped:
            self.process(lambda hitl: hitl.stop(*scope, by="bob", reason="a test"))
        between = "RecordResponse" if wrong == "nothing" or stopped else "WriteNote"
        self.process(
            lambda hitl: self._respond(hitl, response), between=lambda store: InterleavingStore(store, between, turn)
        )
        self.process(lambda hitl: hitl.lift(*scope, by="bob", reason="a test"))

    @precondition(lambda self: self.ready)
    @rule(pick=picks, more=st.sampled_from([1.0, 7.0]))
    def resume_with_an_app_that_changed(self, pick: int, more: float) -> None:
        """Every call is another action now: none of them may live on what was said about the one before."""
        self.changed = more
        try:
            self.process(lambda hitl: self._resume(hitl, pick))
        finally:
            self.changed = 0.0

    @precondition(lambda self: self.ready)
    @rule(pick=picks)
    def resume(self, pick: int) -> None:
        self.process(lambda hitl: self._resume(hitl, pick))

    async def _resume(self, hitl: Runtime, pick: int) -> None:
        if self.ready:
            await hitl.resume(self.ready[pick % len(self.ready)])

    @rule(
        pick=picks,
        command=st.sampled_from(COMMANDS),
        when=st.sampled_from(["before", "after"]),
        nth=st.integers(1, 2),
        work=st.sampled_from(["start", "resume", "answer"]),
    )
    def crash_at_a_command(self, pick: int, command: str, when: Any, nth: int, work: str) -> None:
        at = CrashPoint(command, when, nth)
        if work == "start":
            self.process(lambda hitl: hitl.start({"amounts": [5.0, 50.0], "together": False}), at)
        elif work == "answer" and self.requests:
            response = self._answer(self._request(pick), "approve", "ann")
            self.process(lambda hitl: self._respond(hitl, response), at)
        else:
            self.process(lambda hitl: self._resume(hitl, pick), at)
        self.shop.clock.advance(LEASE)

    @rule(
        pick=picks,
        command=st.sampled_from(COMMANDS),
        when=st.sampled_from(["before", "after"]),
        work=st.sampled_from(["start", "resume", "answer"]),
    )
    def the_store_is_away_for_a_moment(self, pick: int, command: str, when: str, work: str) -> None:
        """At one command, for a process that lives on; its run goes on when its lease has ended."""
        response = self._answer(self._request(pick), "approve", "ann") if self.requests else None

        async def worked(hitl: Runtime) -> None:
            with contextlib.suppress(StoreUnavailable):
                if work == "start":
                    await hitl.start({"amounts": [5.0, 50.0], "together": False})
                elif work == "answer" and response is not None:
                    await self._respond(hitl, response)
                else:
                    await self._resume(hitl, pick)

        self.loop.run(self._process(worked, lambda store: Hiccup(store, command, when)))
        self.shop.clock.advance(LEASE)

    @precondition(lambda self: self.waiting or self.ready)
    @rule(pick=picks, when=st.sampled_from(["before", "after"]), again=st.booleans())
    def crash_in_a_tool(self, pick: int, when: str, again: bool) -> None:
        """Somebody approves, and the process dies in the tool; perhaps once more when it is resumed."""
        if self.waiting:
            self.answer(pick, "approve", "ann")
        self._die_in_a_tool(pick, when)
        if again:
            self.process(self._settle_doubts)
            self._die_in_a_tool(pick, "after")

    def _die_in_a_tool(self, pick: int, when: str) -> None:
        self.dies_in_tool = when
        self.process(lambda hitl: self._resume(hitl, pick))
        self.shop.clock.advance(LEASE)

    async def _settle_doubts(self, hitl: Runtime) -> None:
        await self._work_on_all(hitl)
        for settled in (await hitl.inbox(limit=100)).items:
            if settled.request.in_doubt:
                await self._respond(hitl, self._answer(settled.request, "", "ann"))

    async def _work_on_all(self, hitl: Runtime) -> None:
        for run in (await hitl.runs(states=(RunState.RUNNING, RunState.READY), limit=100)).items:
            await hitl.resume(run.id)

    @precondition(lambda self: self.ready and len(self.frozen) < 3)
    @rule()
    def freeze(self) -> None:
        """A worker takes a run, and then nothing is heard of it for longer than its lease."""
        self.loop.run(self._freeze())
        self.shop.clock.advance(LEASE)

    async def _freeze(self) -> None:
        stack = contextlib.AsyncExitStack()
        hitl = await stack.enter_async_context(self.shop.open(self.app()))
        claimed = await hitl.claim(limit=1)
        if claimed:
            self.frozen.append((stack, hitl, claimed[0]))
        else:
            await stack.aclose()

    @precondition(lambda self: self.frozen)
    @rule(pick=picks)
    def thaw(self, pick: int) -> None:
        """It goes on as if nothing had been."""
        self.loop.run(self._thaw(*self.frozen.pop(pick % len(self.frozen))))
        self.process(lambda hitl: hitl.tick())

    async def _thaw(self, stack: contextlib.AsyncExitStack, hitl: Runtime, claimed: Claimed) -> None:
        async with stack:
            current = await hitl.run(claimed.run.id)
            try:
                await hitl.drive(claimed)
            except LeaseLost:
                return
            if (current.state, current.attempts) != (RunState.RUNNING, claimed.run.attempts):
                self.wrong.append(f"{current.id}: worked on under an old fence")

    @rule(minutes=st.sampled_from([1, 30, 61]), tick=st.booleans())
    def let_time_pass(self, minutes: int, tick: bool) -> None:
        self.shop.clock.advance(minutes=minutes)
        if tick:
            self.process(lambda hitl: hitl.tick())

    @precondition(lambda self: not self.stops)
    @rule(stop=st.sampled_from(STOPS))
    def stop(self, stop: tuple[StopScope, str]) -> None:
        self.process(lambda hitl: hitl.stop(*stop, by="bob", reason="a test"))
        self.stops.add(stop)

    @precondition(lambda self: self.stops)
    @rule()
    def lift(self) -> None:
        """A stop of another kind that comes and goes meanwhile changes nothing about this one."""
        (stop,) = self.stops
        other = next(each for each in STOPS if each != stop)
        self.process(lambda hitl: hitl.stop(*other, by="eve", reason="a test"))
        self.process(lambda hitl: hitl.lift(*other, by="eve", reason="a test"))
        self.stops.clear()
        self.process(lambda hitl: hitl.lift(*stop, by="bob", reason="a test"))

    @precondition(lambda self: self.given)
    @rule(pick=picks)
    def revoke(self, pick: int) -> None:
        request = self.requests[self.given[pick % len(self.given)].request_id]
        revoked = self.process(lambda hitl: hitl.revoke(request.id, by="bob")) is not None
        if revoked and not request.in_doubt:
            self.allowed.pop(self._key(request), None)

    @precondition(lambda self: len(self.waiting) + len(self.ready) > 2)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        self.process(lambda hitl: self._cancel(hitl, pick))

    async def _cancel(self, hitl: Runtime, pick: int) -> None:
        runs = [run for run in (await hitl.runs(limit=100)).items if not run.state.over]
        await hitl.cancel(runs[pick % len(runs)].id, by="bob")

    # ── what must hold ───────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def nothing_happened_that_should_not(self) -> None:
        assert not self.wrong

    @invariant()
    def nothing_happened_twice(self) -> None:
        assert not [key for key, count in self.paid.items() if count > 1]

    def teardown(self) -> None:
        try:
            self._finish()
        finally:
            self.loop.close()
            self.folder.cleanup()

    def _finish(self) -> None:
        """Lift every stop, answer what is open, and let every run come to its end; then look at the whole."""
        if self.stops:
            self.lift()
        while self.frozen:
            self.thaw(0)
        self.shop.clock.advance(LEASE)
        self.process(self._until_all_are_over)
        assert not self.wrong
        assert not [key for key, count in self.paid.items() if count > 1]
        self.process(self._granted_was_done)
        report = self.loop.run(self.shop.verified())
        assert (report.exit_code, report.findings) == (0, ())

    async def _until_all_are_over(self, hitl: Runtime) -> None:
        for _ in range(20):
            for settled in (await hitl.inbox(limit=100)).items:
                await self._respond(hitl, self._answer(settled.request, "reject", "ann"))
            runs = (await hitl.runs(limit=100)).items
            unfinished = [run for run in runs if not run.state.over]
            if not unfinished:
                return
            for run in unfinished:
                with contextlib.suppress(HitlError):
                    await self._end(hitl, run.id)
        raise AssertionError(f"these runs do not end: {[(run.id, run.state, run.error) for run in unfinished]}")

    async def _end(self, hitl: Runtime, run_id: str) -> None:
        """A run that began something as another app can be ended by a person only."""
        run = await hitl.resume(run_id)
        if run.state is RunState.FAILED and run.error.startswith("HITL-A07"):
            await hitl.cancel(run_id, by="bob", reason="the app changed")

    async def _granted_was_done(self, hitl: Runtime) -> None:
        """Where a run completed, what was approved in it (and not taken back) was done, exactly once.

        A place where several things were asked, by an app that changed, has done one of them at most.
        """
        found = (await hitl.store.fetch(ListRequests(states=(), limit=1000))).items  # those too that no inbox has shown
        asked = {(self._key(each.request), _amount(each.request)) for each in found}
        places = Counter(key for key, _ in asked)
        for run in (await hitl.runs(states=(RunState.COMPLETED,), limit=100)).items:
            for key in self.allowed:
                if key.startswith(run.id) and places[key] == 1:
                    assert self.paid[key] == 1, f"{key} was approved and not done"
        assert self.requests.keys() <= {each.request.id for each in found}
        assert not [each for each in found if each.state in (RequestState.OPEN, RequestState.FROZEN)]


def _amount(request: PauseRequest) -> float:
    return float(str(request.action.arguments["amount"]))


Desk.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestAnythingInAnyOrder = Desk.TestCase

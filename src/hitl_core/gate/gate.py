"""The gate: the one door every action goes through.

    propose(action) ──► Proceed ──► carry_out: begin · the tool · report
                    ├─► Refuse, Substitute: the tool does not run
                    └─► Wait: the framework suspends; asked again on resume, the gate answers from the store

One gate serves one turn of one run. Its answers come from the store and the policy, never from what a framework
hands back, and every failure on the way means "not run".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from ..commands import (
    BeginEffect,
    Command,
    Counted,
    Effect,
    EndEffect,
    Known,
    Lease,
    Look,
    MoveEffect,
    PerformEffect,
    Recall,
    Remember,
    Settled,
    Stop,
)
from ..contracts import Clock
from ..errors import AppChanged, EffectRefused, HitlError, LeaseLost, RecordError, Stopped
from ..lifecycle import ActionEvent, ActionState
from ..protocol import (
    Action,
    Arguments,
    Guidance,
    Json,
    Kind,
    Level,
    Outcome,
    PauseRequest,
    Proceed,
    Refuse,
    Ruling,
    Run,
    Verdict,
)
from ..tools import Call, Catalogue, running
from . import steering
from .again import Again
from .carrying import Carrying, unchecked
from .client_tools import ClientTools, of_run
from .forms import DEFAULT_FORM, Form
from .places import covering, knows
from .questions import Questions
from .rejections import enough_of
from .standing import asked_again, asking, unmet
from .surroundings import Surroundings
from .telling import telling
from .threads import wait_on
from .turns import as_it_stands
from .veil import Veil
from .verdicts import verdict

T = TypeVar("T")


async def _nothing() -> None:
    """Nobody renews the lease."""


class Gate:
    """The door of one turn of one run."""

    def __init__(self, around: Surroundings, run: Run, lease: Lease) -> None:
        self.run = run
        self.lease = lease
        self.stopped: Stopped | None = None
        self.renew: Callable[[], Awaitable[None]] = _nothing
        """Renews the lease if it has ended meanwhile; raises LeaseLost if it is somebody else's."""
        self.recalled: Mapping[str, Json] | None = None
        """What the run had remembered when it was claimed, if that was read along."""
        self.called_in_store = False
        """Whether an effect was called in a transaction of the store, which may be lost without a trace of it."""
        self._around = around = of_run(run, around)
        self._client_tools = ClientTools(run)
        self.veil = Veil(getattr(around.store, "custody", None), run.id, around.catalogue)
        self.questions = Questions(around, run, lease)
        self.turns, self.granting = self.questions.turns, self.questions.granting
        self._weighing = self.questions.weighing
        self._again = Again(around, run, lease, self.questions)
        self._store = around.store
        self._loop = asyncio.get_running_loop()
        self._notices: dict[str, PauseRequest] = {}
        self._begun: set[str] = set()

    @property
    def clock(self) -> Clock:
        """The clock that this run goes by."""
        return self._around.clock

    @property
    def catalogue(self) -> Catalogue:
        """The tools that are known by name."""
        return self._around.catalogue

    @property
    def changed(self) -> AppChanged | None:
        """That a call of this turn was found to be another action now than when it was decided on."""
        return self._again.changed

    @property
    def waiting(self) -> tuple[PauseRequest, ...]:
        """The requests that this turn has asked for and that are not stored yet, in the order of proposing."""
        return self.questions.in_order()

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The calls that this turn began and that have no outcome yet."""
        return tuple(sorted(self._begun))

    @property
    def held(self) -> tuple[str, ...]:
        """The calls that have begun before and that people are asked about again: what lies in them is not reached."""
        return tuple(sorted(self._again.held))

    # ── proposing ────────────────────────────────────────────────────────────────────────────────────────────

    async def propose(self, action: Action, *, call: str, form: Form = DEFAULT_FORM) -> Verdict:
        """What shall become of this action? `call` names its place in the run and is stable over restarts.

        Asked again with the same call, the recorded decision answers. Raises AppChanged if the call is another action
        now, after which nothing starts any more in this turn; AlreadyStarted, LeaseLost or StoreError. Whoever catches
        them must not run the tool.
        """
        self.questions.comes(call)
        try:
            shown, form = self.veil.over(action, call, self._client_tools.form(action.tool, form))
            digest = shown.digest
        except RecordError as exc:
            return Refuse(unchecked(exc))
        return self.veil.lifted(await self._proposed(shown, digest, call, form), call)

    async def _proposed(self, action: Action, digest: str, call: str, form: Form) -> Verdict:
        known = await self._store.fetch(Look(self.run.id, call))
        self._again.require_unchanged()
        if known.effect is not None:
            return await self._again.verdict(action, known, known.effect, form)
        if known.settled is None or known.settled.request.digest != digest:
            return await self._first(action, call, known.next_round, form)
        return await self._settled(action, known, known.settled, form)

    def lift(self, action: Action, *, call: str, form: Form, round: int = 0) -> PauseRequest:
        """The request for a pause that the app made itself: it always asks; the policy adds who and until when."""
        action, form = self.veil.lifted_over(action, call, form)
        self.turns.lifts(call, form.since)
        return self.questions.compose(action, call, round, form, asking(self._weighing.unlooked(action, call, form)))

    async def settled(self, call: str) -> Settled | None:
        """The newest request at a place of this run, with its state and response."""
        return (await self._store.fetch(Look(self.run.id, call))).settled

    async def knows(self, place: str) -> bool:
        """Whether an action was asked about or begun at a call that lies in `place`."""
        return await knows(self._store, self.run, place)

    async def heed_stops(self) -> bool:
        """Whether a stop covers this run now; `stopped` then says which. For frameworks that can end between steps."""
        return await self._heed(f"what comes next in run {self.run.id}") is not None

    async def stop_for(self, action: Action) -> Stop | None:
        """The stop that covers an action now; `stopped` then says which, and the run ends as stopped.

        For decisions that are handed to a framework: no begin of ours is between those and what they let happen.
        """
        what = f"what was decided about {action.tool!r}"
        return await self._heed(what, tool=action.tool, agents=action.origin.agents)

    async def _heed(self, what: str, *, tool: str | None = None, agents: tuple[str, ...] = ()) -> Stop | None:
        stop = await covering(self._store, self.run, tool, agents)
        self.stopped = self.stopped if stop is None else stop.holds_back(what)
        return stop

    async def _first(self, action: Action, call: str, round: int, form: Form) -> Verdict:
        ruling = await self._weighing.rule(action, call, form)
        if ruling.denied:
            return await self.questions.deny(action, call, ruling)
        if form.kind is not Kind.APPROVAL:
            ruling = self._client_tools.ruling(action.tool, asking(ruling))
            return await self.questions.ask(action, call, round, form, ruling)
        if not ruling.asks:
            return self._let_through(action, call, round, form, ruling)
        covered = await self.granting.cover(self._weighing.case(action, call), ruling)
        if covered.grant is not None:
            return Proceed(action, call=call)
        if why := await enough_of(self._around, self.run, action):
            return await self.questions.refuse(action, call, why, rule=ruling.rule, version=ruling.version)
        return await self.questions.ask(action, call, round, form, covered.told(ruling))

    def _let_through(self, action: Action, call: str, round: int, form: Form, ruling: Ruling) -> Proceed:
        if ruling.level is Level.NOTIFY:
            self._notices[call] = self.questions.compose(action, call, round, replace(form, kind=Kind.NOTICE), ruling)
        return Proceed(action, call=call)

    async def _settled(self, action: Action, known: Known, settled: Settled, form: Form) -> Verdict:
        """The recorded decision. What it allows meets the policy in force once more: only stricter intervenes."""
        found = telling(self._around, settled, verdict(settled))
        if not isinstance(found, Proceed):
            return await as_it_stands(self._around, settled, found)
        recorded, current = settled.request, await self._weighing.rule(found.action, settled.request.call, form)
        if current.denied:
            return await self.questions.deny(action, recorded.call, current)
        missing = unmet(current, settled)
        if missing:
            return await self.questions.ask(
                action, recorded.call, known.next_round, form, asked_again(current, missing)
            )
        return found

    # ── carrying out ─────────────────────────────────────────────────────────────────────────────────────────

    def carry_out(self, allowed: Proceed, *, suspends: tuple[type[BaseException], ...] = ()) -> Carrying:
        """Begin on entry, report on exit: `async with gate.carry_out(allowed) as effect: …; effect.outcome = …`."""
        return Carrying(self, allowed, suspends)

    async def carry_out_in_store(self, allowed: Proceed, effect: Callable[[Any, Arguments], Json]) -> Json:
        """A transactional effect: `effect(transaction, arguments)` and its record commit together or not at all."""

        def called(transaction: Any, arguments: Arguments) -> Json:
            self.called_in_store = True
            with running(Call(self.run.id, allowed.call)):  # in whichever thread the store works
                return effect(transaction, arguments)

        quiet = self.veil.quiet(called, dict(allowed.action.arguments))
        done = await self._begin(allowed, lambda begin: PerformEffect(begin, quiet))
        self._begun.discard(allowed.call)
        if done.state is not ActionState.EXECUTED:
            raise RuntimeError(done.error)
        return done.result

    async def begin(self, allowed: Proceed) -> Effect:
        """The last check before a tool. Raises LeaseLost, Stopped, DigestMismatch, AlreadyStarted, EffectRefused."""
        return await self._begin(allowed, lambda begin: begin)

    async def end(self, begun: Effect, outcome: Outcome | None) -> None:
        """Report what happened; None means that the tool itself paused and will be begun again.

        Of a run that was cancelled meanwhile it is kept, and LeaseLost is raised all the same: nothing more is to run.
        """
        if outcome is None:
            now, by = self._around.now(), self.lease.owner
            await self._store.apply(MoveEffect(self.lease, begun.call, ActionEvent.SUSPEND, by=by, now=now))
        else:
            await self._ended(EndEffect(self.lease, begun.call, self.veil.outcome(outcome), self._around.now()))
        self._begun.discard(begun.call)

    async def _ended(self, command: EndEffect) -> None:
        try:
            await self._store.apply(command)
        except LeaseLost:
            with suppress(LeaseLost):
                await self._store.apply(replace(command, late=True))
            raise

    async def _begin(self, allowed: Proceed, command: Callable[[BeginEffect], Command[Effect]]) -> Effect:
        """Begin, masked as it was decided on, with what the rules count."""
        allowed = self.veil.drawn(allowed)

        def starts(counted: tuple[Counted, ...]) -> Awaitable[Effect]:
            return self._start(command(self._beginning(allowed, counted)), allowed.call)

        return await self._weighing.begin(allowed, starts, granted=partial(self.granting.still, allowed))

    async def _start(self, command: Command[Effect], call: str) -> Effect:
        """Apply the last check before a tool; a stop is remembered, whatever the framework makes of the error.

        A process that was frozen in it, until after its lease, must not run the tool: what was begun is in doubt then.
        """
        self._begun.add(call)
        try:
            await self.renew()
            begun = await self.granting.counted(call, self._store.apply(command))
        except HitlError as exc:
            self._begun.discard(call)
            self.stopped = exc if isinstance(exc, Stopped) else self.stopped
            raise
        if (notice := self._notices.pop(call, None)) is not None:
            self._around.announce(notice)
        await self.renew()
        return begun

    def _beginning(self, allowed: Proceed, counted: tuple[Counted, ...]) -> BeginEffect:
        self._again.require_unchanged()
        self._client_tools.require_ours(allowed.action.tool)
        if (call := allowed.call) in self.questions.waiting:
            raise EffectRefused(f"people are being asked about the call {call!r}; it does not start meanwhile")
        return BeginEffect(
            lease=self.lease,
            call=call,
            action=allowed.action,
            mode=self.catalogue.traits(allowed.action.tool).mode,
            now=self._around.now(),
            request_id=allowed.request_id,
            notice=self._notices.get(call),
            untold=self._around.untold(),
            counted=counted,
            grant_id=self.granting.under(allowed),
        )

    # ── the journal ──────────────────────────────────────────────────────────────────────────────────────────

    async def journal(self) -> dict[str, Json]:
        """What this run has remembered, by key."""
        recalled, self.recalled = self.recalled, None  # it may remember more from here on
        return await self._store.fetch(Recall(self.run.id)) if recalled is None else dict(recalled)

    async def remember(self, key: str, value: Json) -> Json:
        """Remember a result; if the key is known, the recorded value comes back."""
        self.recalled = None
        return await self._store.apply(Remember(self.lease, key, value, self._around.now()))

    async def entering(
        self, place: str, *, within: str = "", replayed: bool = False, seals: bool = False
    ) -> tuple[Guidance, ...]:
        """What people have said to the agent and enters its conversation at `place`; as `steering.enters`."""
        return await steering.enters(self._around, self.lease, place, within=within, replayed=replayed, seals=seals)

    def blocking(self, step: Coroutine[Any, Any, T]) -> T:
        """Wait for a step of this gate from a worker thread. Raises RuntimeError on the gate's own event loop."""
        return wait_on(self._loop, step)

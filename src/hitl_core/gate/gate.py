"""The gate: the one door every action goes through.

    propose(action) ──► Proceed ──► carry_out: begin · the tool · report
                    ├─► Refuse, Substitute: the tool does not run
                    └─► Wait: the framework suspends; asked again on resume, the gate answers from the store

One gate serves one turn of one run. Its answers come from the store and the policy, never from what a framework
hands back, and every failure on the way means "not run".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, assert_never

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
    Note,
    PerformEffect,
    Recall,
    RecordRefusal,
    Remember,
    Settled,
    Stop,
)
from ..contracts import Clock
from ..errors import AlreadyStarted, AppChanged, EffectRefused, HitlError, RecordError, Stopped
from ..lifecycle import TAKEN_BACK, ActionEvent, ActionState, RequestState
from ..protocol import (
    Action,
    Arguments,
    AuditEvent,
    EffectMode,
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
    Substitute,
    Verdict,
    Wait,
)
from ..tools import Catalogue
from . import steering
from .carrying import Carrying, tried
from .doubt import doubt_form, doubt_ruling, is_about, resolve
from .forms import DEFAULT_FORM, Form, compose
from .granting import Granting
from .lineage import note_on
from .places import covering, knows
from .rejections import enough_of
from .standing import about, asked_again, asking, once_more, unmet
from .surroundings import Surroundings
from .telling import telling, told
from .threads import wait_on
from .turns import Turns, as_it_stands
from .veil import Veil
from .verdicts import verdict
from .weighing import Weighing

T = TypeVar("T")


class Gate:
    """The door of one turn of one run."""

    def __init__(self, around: Surroundings, run: Run, lease: Lease) -> None:
        self.run = run
        self.lease = lease
        self.stopped: Stopped | None = None
        self.changed: AppChanged | None = None
        self._around = around
        self.veil = Veil(getattr(around.store, "custody", None), run.id, around.catalogue)
        self.turns = Turns(around, run)
        self._weighing = Weighing(around, run)
        self.granting = Granting(around, run)
        self._store = around.store
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, PauseRequest] = {}
        self._notices: dict[str, PauseRequest] = {}
        self._begun: set[str] = set()
        self._held: set[str] = set()

    @property
    def clock(self) -> Clock:
        """The clock that this run goes by."""
        return self._around.clock

    @property
    def catalogue(self) -> Catalogue:
        """The tools that are known by name."""
        return self._around.catalogue

    @property
    def waiting(self) -> tuple[PauseRequest, ...]:
        """The requests that this turn has asked for and that are not stored yet, in the order of asking."""
        return tuple(self._waiting.values())

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The calls that this turn began and that have no outcome yet."""
        return tuple(sorted(self._begun))

    @property
    def held(self) -> tuple[str, ...]:
        """The calls that have begun before and that people are asked about again: what lies in them is not reached."""
        return tuple(sorted(self._held))

    # ── proposing ────────────────────────────────────────────────────────────────────────────────────────────

    async def propose(self, action: Action, *, call: str, form: Form = DEFAULT_FORM) -> Verdict:
        """What shall become of this action? `call` names its place in the run and is stable over restarts.

        Asked again with the same call, the recorded decision answers. Raises AppChanged if the call is another action
        now, after which nothing starts any more in this turn; AlreadyStarted, LeaseLost or StoreError. Whoever catches
        them must not run the tool.
        """
        try:
            shown, form = self.veil.over(action, call, form)
            digest = shown.digest
        except RecordError as exc:
            return Refuse(f"This call was refused before anybody was asked: {exc}")
        return self.veil.lifted(await self._proposed(shown, digest, call, form), call)

    async def _proposed(self, action: Action, digest: str, call: str, form: Form) -> Verdict:
        known = await self._store.fetch(Look(self.run.id, call))
        self._require_unchanged()
        if known.effect is not None:
            return await self._again(action, known, known.effect, form)
        if known.settled is None or known.settled.request.digest != digest:
            return await self._first(action, call, known.next_round, form)
        return await self._settled(action, known, known.settled, form)

    def lift(self, action: Action, *, call: str, form: Form, round: int = 0) -> PauseRequest:
        """The request for a pause that the app made itself: it always asks; the policy adds who and until when."""
        action, form = self.veil.lifted_over(action, call, form)
        self.turns.lifts(call, form.since)
        return self._compose(action, call, round, form, asking(self._weighing.unlooked(action, call, form)))

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
            return await self._deny(action, call, ruling)
        if form.kind is not Kind.APPROVAL:
            return await self._ask(action, call, round, form, asking(ruling))
        if not ruling.asks:
            return self._let_through(action, call, round, form, ruling)
        covered = await self.granting.cover(self._weighing.case(action, call), ruling)
        if covered.grant is not None:
            return Proceed(action, call=call)
        if why := await enough_of(self._around, self.run, action):
            return await self._refuse(action, call, why, rule=ruling.rule, version=ruling.version)
        return await self._ask(action, call, round, form, covered.told(ruling))

    def _let_through(self, action: Action, call: str, round: int, form: Form, ruling: Ruling) -> Proceed:
        if ruling.level is Level.NOTIFY:
            self._notices[call] = self._compose(action, call, round, replace(form, kind=Kind.NOTICE), ruling)
        return Proceed(action, call=call)

    async def _ask(self, action: Action, call: str, round: int, form: Form, ruling: Ruling) -> Wait:
        self._weighing.holds_back(call)
        self.granting.holds_back(call)
        request = self._compose(action, call, round, form, ruling)
        request = self._waiting[call] = await self.turns.going_on(request, form.since, waiting=self.waiting)
        return Wait(request)

    async def _deny(self, action: Action, call: str, ruling: Ruling) -> Refuse:
        return await self._refuse(action, call, ruling.why, rule=ruling.rule, version=ruling.version)

    async def _refuse(self, action: Action, call: str, why: str, **more: Json) -> Refuse:
        """For good: asked again, it says the same."""
        body: dict[str, Json] = {"call": call, "tool": action.tool, "digest": action.digest, **more, "why": why}
        note = Note(AuditEvent.ACTION_REFUSED, self.run.id, "policy" if more else "gate", body)
        await self._store.apply(RecordRefusal(self.lease, call, action, note, self._around.now()))
        return Refuse(f"This call is not allowed: {why}")

    async def _settled(self, action: Action, known: Known, settled: Settled, form: Form) -> Verdict:
        """The recorded decision. What it allows meets the policy in force once more: only stricter intervenes."""
        found = telling(self._around, settled, verdict(settled))
        if not isinstance(found, Proceed):
            return await as_it_stands(self._around, settled, found)
        recorded, current = settled.request, await self._weighing.rule(found.action, settled.request.call, form)
        if current.denied:
            return await self._deny(action, recorded.call, current)
        missing = unmet(current, settled)
        if missing:
            return await self._ask(action, recorded.call, known.next_round, form, asked_again(current, missing))
        return found

    # ── asked again about something that was allowed before ─────────────────────────────────────────────────

    async def _again(self, action: Action, known: Known, effect: Effect, form: Form) -> Verdict:
        note = await self._note_about(action, effect) or told(self._around, effect, known.settled)
        match effect.state:
            case ActionState.EXECUTED:
                return Substitute(effect.result, recorded=True, note=note)
            case ActionState.FAILED:
                return Refuse(tried(effect.error))
            case ActionState.REFUSED:
                return Refuse(f"This call is not allowed: {effect.error}")
            case ActionState.IN_DOUBT:
                return await self._doubt(known, effect, form, note)
            case ActionState.EXECUTING:
                return await self._interrupted(known, effect, form, note)
            case ActionState.ALLOWED:
                return await self._once_more(known, effect, form, note)
            case ActionState.PROPOSED | ActionState.ANSWERED:
                return Refuse(f"This call is {effect.state}, which does not allow it; it did not run.")
            case _:
                assert_never(effect.state)

    async def _note_about(self, action: Action, effect: Effect) -> str:
        """What the model is told if a person changed this call, however often it is asked about. Raises AppChanged."""
        try:
            return await note_on(self._store, self.run.id, action, effect)
        except AppChanged as exc:
            self.changed = exc
            raise

    def _require_unchanged(self) -> None:
        """Raises AppChanged once a call of this turn was found changed: what else it does is not to be relied on."""
        if self.changed is not None:
            raise AppChanged(str(self.changed))

    async def _once_more(self, known: Known, effect: Effect, form: Form, note: str) -> Verdict:
        """A call that may begin again: its tool paused inside, or a person said that it did not happen.

        What was decided about it last meets the policy of now.
        """
        decided = about(effect, known.settled)
        found = once_more(effect, decided, note)
        if isinstance(found, Refuse):
            return await self._refuse(effect.action, effect.call, found.text)
        if not isinstance(found, Proceed):
            return found
        current = await self._weighing.rule(found.action, effect.call, form)
        if current.denied:
            return await self._deny(effect.action, effect.call, current)
        missing = await self.granting.unmet(current, decided, self._weighing.case(found.action, effect.call))
        if not missing:
            return found
        self._held.add(effect.call)
        ruling = asked_again(current if current.asks else asking(current), missing)
        return await self._ask(effect.action, effect.call, known.next_round, form, ruling)

    async def _interrupted(self, known: Known, effect: Effect, form: Form, note: str) -> Verdict:
        """A call whose worker died in it. Idempotent ones are tried again, unless the policy of now asks for more:
        it may have happened, so a person has to say what is to become of it."""
        if effect.fence == self.lease.fence:
            raise AlreadyStarted(f"the call {effect.call!r} is running now; it is not started a second time")
        current = await self._weighing.rule(effect.action, effect.call, form)
        decided, case = about(effect, known.settled), self._weighing.case(effect.action, effect.call)
        held = current.denied or await self.granting.unmet(current, decided, case)
        if effect.mode is EffectMode.IDEMPOTENT and not held:
            return Proceed(effect.action, call=effect.call, request_id=effect.request_id, note=note)
        return await self._doubt(known, await self._move(effect, ActionEvent.LOSE, self.lease.owner), form, note)

    async def _doubt(self, known: Known, effect: Effect, form: Form, note: str) -> Verdict:
        if (settled := known.settled) is None or not is_about(settled.request, effect) or settled.state in TAKEN_BACK:
            ruling = doubt_ruling(await self._weighing.rule(effect.action, effect.call, form))
            return await self._ask(effect.action, effect.call, known.next_round, doubt_form(effect), ruling)
        if settled.state in (RequestState.OPEN, RequestState.FROZEN):
            return Wait(settled.request)
        resolution = resolve(effect, settled, note=note)
        moved = await self._move(effect, resolution.event, resolution.by, resolution.result)
        if isinstance(resolution.verdict, Proceed):
            return await self._once_more(known, moved, form, note)
        return resolution.verdict

    async def _move(self, effect: Effect, event: ActionEvent, by: str, result: Json = None) -> Effect:
        move = MoveEffect(self.lease, effect.call, event, by=by, now=self._around.now(), result=result)
        return await self._store.apply(move)

    # ── carrying out ─────────────────────────────────────────────────────────────────────────────────────────

    def carry_out(self, allowed: Proceed, *, suspends: tuple[type[BaseException], ...] = ()) -> Carrying:
        """Begin on entry, report on exit: `async with gate.carry_out(allowed) as effect: …; effect.outcome = …`."""
        return Carrying(self, allowed, suspends)

    async def carry_out_in_store(self, allowed: Proceed, effect: Callable[[Any, Arguments], Json]) -> Json:
        """A transactional effect: `effect(transaction, arguments)` and its record commit together or not at all."""
        quiet = self.veil.quiet(effect, dict(allowed.action.arguments))
        done = await self._begin(allowed, lambda begin: PerformEffect(begin, quiet))
        self._begun.discard(allowed.call)
        if done.state is not ActionState.EXECUTED:
            raise RuntimeError(done.error)
        return done.result

    async def begin(self, allowed: Proceed) -> Effect:
        """The last check before a tool. Raises LeaseLost, Stopped, DigestMismatch, AlreadyStarted, EffectRefused."""
        return await self._begin(allowed, lambda begin: begin)

    async def end(self, begun: Effect, outcome: Outcome | None) -> None:
        """Report what happened; None means that the tool itself paused and will be begun again."""
        if outcome is None:
            await self._move(begun, ActionEvent.SUSPEND, self.lease.owner)
        else:
            await self._store.apply(EndEffect(self.lease, begun.call, self.veil.outcome(outcome), self._around.now()))
        self._begun.discard(begun.call)

    async def _begin(self, allowed: Proceed, command: Callable[[BeginEffect], Command[Effect]]) -> Effect:
        """Begin, masked as it was decided on, with what the rules count."""
        allowed = self.veil.drawn(allowed)

        def starts(counted: tuple[Counted, ...]) -> Awaitable[Effect]:
            return self._start(command(self._beginning(allowed, counted)), allowed.call)

        return await self._weighing.begin(allowed, starts, granted=partial(self.granting.still, allowed))

    async def _start(self, command: Command[Effect], call: str) -> Effect:
        """Apply the last check before a tool; a stop is remembered, whatever the framework makes of the error."""
        self._begun.add(call)
        try:
            begun = await self.granting.counted(call, self._store.apply(command))
        except HitlError as exc:
            self._begun.discard(call)
            self.stopped = exc if isinstance(exc, Stopped) else self.stopped
            raise
        if (notice := self._notices.pop(call, None)) is not None:
            self._around.announce(notice)
        return begun

    def _beginning(self, allowed: Proceed, counted: tuple[Counted, ...]) -> BeginEffect:
        self._require_unchanged()
        if (call := allowed.call) in self._waiting:
            raise EffectRefused(f"people are being asked about the call {call!r}; it does not start meanwhile")
        return BeginEffect(
            *(self.lease, call, allowed.action),
            self.catalogue.traits(allowed.action.tool).mode,
            self._around.now(),
            request_id=allowed.request_id,
            notice=self._notices.get(allowed.call),
            counted=counted,
            grant_id=self.granting.under(allowed),
        )

    # ── the journal ──────────────────────────────────────────────────────────────────────────────────────────

    async def journal(self) -> dict[str, Json]:
        """What this run has remembered, by key."""
        return await self._store.fetch(Recall(self.run.id))

    async def remember(self, key: str, value: Json) -> Json:
        """Remember a result; if the key is known, the recorded value comes back."""
        return await self._store.apply(Remember(self.lease, key, value, self._around.now()))

    async def entering(
        self, place: str, *, within: str = "", replayed: bool = False, seals: bool = False
    ) -> tuple[Guidance, ...]:
        """What people have said to the agent and enters its conversation at `place`; as `steering.enters`."""
        return await steering.enters(self._around, self.lease, place, within=within, replayed=replayed, seals=seals)

    def _compose(self, action: Action, call: str, round: int, form: Form, ruling: Ruling) -> PauseRequest:
        return compose(self._around, self.run, action, call=call, round=round, form=form, ruling=ruling)

    def blocking(self, step: Coroutine[Any, Any, T]) -> T:
        """Wait for a step of this gate from a worker thread. Raises RuntimeError on the gate's own event loop."""
        return wait_on(self._loop, step)

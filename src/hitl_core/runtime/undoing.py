"""Undo: a run whose steps are the declared undos of what another run has done, each through the gate.

plan ──► every step is proposed ──► somebody is asked? pause, nothing was undone yet
                                └─► the newest first ──► what became of each is the run's output
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, assert_never

from ..commands import (
    Effect,
    GetCheckpoint,
    GetRun,
    ListEffects,
    ListOverrides,
    ListRequests,
    ListRuns,
    ListUndone,
    Look,
    Undone,
)
from ..contracts import Completed, Ending, Paused, Store, Turn, every
from ..errors import EffectRefused, LeaseLost, NothingToUndo, RunBusy, Stopped
from ..gate import Form, undo_until, why_not_undoable
from ..lifecycle import ActionState
from ..protocol import (
    UNDO,
    Action,
    Arguments,
    EffectMode,
    Executed,
    Json,
    PauseRequest,
    Proceed,
    Refuse,
    Reply,
    Run,
    RunState,
    Substitute,
    Undoing,
    UndoneCall,
    UndoState,
    Wait,
)
from ..tools import Catalogue, Traits
from .receipts import receipt_of, take_back, take_back_in

Attach = Callable[[], Awaitable[object]]

_OFFERED: Final = (Reply.APPROVE, Reply.REJECT, Reply.CANCEL)
_CALLS: Final = "calls"
_BEGUN: Final = (ActionState.EXECUTED, ActionState.EXECUTING, ActionState.IN_DOUBT)
"""What may have had its effect. Whether it had is not known of some: they are named, and stay."""


# ── before ───────────────────────────────────────────────────────────────────────────────────────────────────


async def planned(store: Store, run: Run, call: str | None) -> list[Json]:
    """The calls to take back, the newest first.

    Raises NothingToUndo, for an undo too: what it took back is not put there again by undoing that. RunBusy for a whole
    run that is at work: what it goes on to do would not be taken back.
    """
    if run.undoes is not None:
        why = "an undo is not undone; what it took back comes back only if it is done anew, in a new run"
        raise NothingToUndo(f"run {run.id} is the undo of run {run.undoes}: {why}")
    if call is None and run.state.at_work:
        raise RunBusy(f"run {run.id} is {run.state}: stop or cancel it first, or name the one call to undo")
    done = [each for each in await store.fetch(ListEffects(run.id)) if each.state in _BEGUN]
    found: list[Json] = [each.call for each in reversed(done) if call in (None, each.call)]
    if not found:
        what = "no action" if call is None else f"nothing at the call {call!r}"
        raise NothingToUndo(f"run {run.id} has carried out {what}; `hitl runs {run.id}` lists what it did")
    return found


# ── one turn ─────────────────────────────────────────────────────────────────────────────────────────────────


async def undo(turn: Turn, store: Store, attach: Attach) -> Ending:
    """One turn of an undo. Raises what `attach` raises if only the app can say how something is undone."""
    undone = turn.run.undoes
    assert undone is not None
    # The receipt is what the tool returned, not what people made of it afterwards.
    receipts = {each.call: each.original for each in reversed(await store.fetch(ListOverrides(undone)))}
    done = await store.fetch(ListEffects(undone))
    effects = {each.call: replace(each, result=receipts.get(each.call, each.result)) for each in done}
    steps = Steps(turn, store, [effects[call] for call in _plan(turn.run)])
    if any(steps.catalogue.traits(each.action.tool).undo is None for each in steps.effects):
        await attach()
    await steps.propose()
    if steps.waits:
        return Paused(steps.told())
    await steps.carry_out()
    return Completed(steps.told(), consumed=tuple(steps.settled))


def _plan(run: Run) -> list[str]:
    """The calls that the undo was started for."""
    given = run.input if isinstance(run.input, dict) else {}
    calls = given.get(_CALLS)
    return [str(call) for call in calls] if isinstance(calls, list) else []


@dataclass
class Steps:
    """The steps of one turn: which of them are allowed, and what became of the others."""

    turn: Turn
    store: Store
    effects: list[Effect]
    allowed: dict[str, Proceed] = field(default_factory=dict)
    rows: dict[str, UndoneCall] = field(default_factory=dict)
    promised: dict[str, tuple[PauseRequest, ...]] = field(default_factory=dict)
    settled: list[str] = field(default_factory=list)
    waits: bool = False

    @property
    def catalogue(self) -> Catalogue:
        return self.turn.gate.catalogue

    def told(self) -> Json:
        """What became of each action so far, the newest first."""
        rows = [self.rows[each.call].model_dump(mode="json") for each in self.effects]
        return {"undoes": self.turn.run.undoes, _CALLS: list[Json](rows)}

    async def propose(self) -> None:
        """Take every step to the gate, so that people see at once all that they are asked."""
        begun = await self.store.fetch(ListUndone(self.turn.run.undoes or ""))
        for effect in self.effects:
            traits = self.catalogue.traits(effect.action.tool)
            self.promised[effect.call] = await self._promised(effect, traits)
            other = begun.get(effect.call)
            if other is not None and other.run_id != self.turn.run.id:
                self._say(effect, *_elsewhere(other, traits), run_id=other.run_id)
            elif other is None and (why := self._beforehand(effect, traits)):
                self._say(effect, *why)
            else:
                await self._ask(effect, traits)

    async def _promised(self, effect: Effect, traits: Traits) -> tuple[PauseRequest, ...]:
        """The notices of an action, which may have said until when it can be taken back."""
        if traits.undo_window is None:
            return ()
        asked = every(self.store, ListRequests((), run_id=self.turn.run.undoes, call=effect.call, notices=True))
        return tuple([each.request async for each in asked])

    def _beforehand(self, effect: Effect, traits: Traits) -> tuple[UndoState, str] | None:
        """Why an action cannot be taken back, if that is known without asking anybody."""
        tool, action = effect.action.tool, effect.action
        if effect.state is not ActionState.EXECUTED:
            return (
                UndoState.NOT_UNDOABLE,
                f"whether {tool} happened is not known: it began, and no outcome was recorded",
            )
        if why := why_not_undoable(traits, action):
            return UndoState.NOT_UNDOABLE, why
        if effect.ended_at is None:
            return UndoState.NOT_UNDOABLE, f"there is no receipt of {tool}: its outcome was not seen, or not timed"
        until = undo_until(traits, action, effect.ended_at, *self.promised[effect.call])
        if until is not None and self.turn.gate.clock.now() > until:
            return UndoState.TOO_LATE, f"{tool} could be undone until {until.isoformat(timespec='seconds')}"
        return None

    async def _ask(self, effect: Effect, traits: Traits) -> None:
        call = UNDO + effect.call
        verdict = await self.turn.gate.propose(_action(effect), call=call, form=Form(allowed=_OFFERED))
        match verdict:
            case Wait(request=request):
                self.waits = True
                self._say(effect, UndoState.WAITING, f"request {request.id} waits for people")
                return
            case Proceed():
                self.allowed[effect.call] = verdict
                self._say(effect, UndoState.WAITING, "allowed")
            case Substitute():
                self._say(effect, *_done(traits))
            case Refuse(text=text):
                known = (await self.store.fetch(Look(self.turn.run.id, call))).effect
                failed = known is not None and known.state is ActionState.FAILED
                self._say(effect, UndoState.FAILED if failed else UndoState.REFUSED, text)
            case _:
                assert_never(verdict)
        self.settled.append(call)

    async def carry_out(self) -> None:
        """Undo what is allowed, the newest first. What is older than one that failed, or that another undo has begun
        and not ended, is left as it is: it may be what the newer one stands on."""
        barred = ""
        for effect in self.effects:
            if effect.call in self.allowed and barred:
                self._say(effect, UndoState.NOT_REACHED, f"the undo of {barred}")
            elif effect.call in self.allowed:
                await self._carry_out(effect)
            barred = self._bars(effect) or barred

    def _bars(self, effect: Effect) -> str:
        """Why what is older than this has to stay; "" if it need not."""
        row, newer = self.rows[effect.call], f"{effect.call!r}, which is newer,"
        if row.state is UndoState.WAITING:
            return f"{newer} has begun in run {row.run_id} and not ended; go on with that one first"
        return f"{newer} failed" if row.state is UndoState.FAILED else ""

    async def _carry_out(self, effect: Effect) -> None:
        traits = self.catalogue.traits(effect.action.tool)
        if why := self._beforehand(effect, traits):
            self._say(effect, *why)
            return
        try:
            await self._run(self.allowed[effect.call], traits)
        except (Stopped, LeaseLost):
            raise
        except EffectRefused as exc:
            await self._refused(effect, traits, exc)
        except Exception as exc:
            self._say(effect, UndoState.FAILED, f"{type(exc).__name__}: {exc}")
        else:
            self._say(effect, *_done(traits))

    async def _refused(self, effect: Effect, traits: Traits, exc: EffectRefused) -> None:
        """Why a step did not begin. Another undo may have been first; then it is that one's to end."""
        other = (await self.store.fetch(ListUndone(self.turn.run.undoes or ""))).get(effect.call)
        if other is None or other.run_id == self.turn.run.id:
            self._say(effect, UndoState.REFUSED, str(exc))
        else:
            self._say(effect, *_elsewhere(other, traits), run_id=other.run_id)

    async def _run(self, allowed: Proceed, traits: Traits) -> None:
        gate, takes_back = self.turn.gate, traits.undo
        assert takes_back is not None
        if self.catalogue.traits(allowed.action.tool).mode is EffectMode.TRANSACTIONAL:

            def in_store(transaction: Any, given: Arguments) -> Json:
                return take_back_in(transaction, takes_back, given)

            await gate.carry_out_in_store(allowed, in_store)
            return
        async with gate.carry_out(allowed) as carried:
            carried.outcome = Executed(await take_back(takes_back, carried.arguments))

    def _say(self, effect: Effect, state: UndoState, why: str = "", *, run_id: str | None = None) -> None:
        told = UndoneCall(
            call=effect.call, tool=effect.action.tool, state=state, why=why, run_id=run_id or self.turn.run.id
        )
        self.rows[effect.call] = told


def _action(effect: Effect) -> Action:
    """The undo of an action as an action: what is shown to people, and what its undo is given."""
    given: Arguments = {
        "call": effect.call,
        "arguments": dict(effect.action.arguments),
        "receipt": receipt_of(effect.result),
    }
    return Action(tool=UNDO + effect.action.tool, arguments=given)


def _done(traits: Traits) -> tuple[UndoState, str]:
    compensates = traits.compensates
    return (UndoState.COMPENSATED, compensates) if compensates else (UndoState.UNDONE, "")


def _elsewhere(other: Undone, traits: Traits) -> tuple[UndoState, str]:
    """What another undo has made of it: it is not tried again, whatever that was."""
    if other.state is ActionState.EXECUTED:
        return _done(traits)
    if other.state is ActionState.FAILED:
        return UndoState.FAILED, f"tried before, in run {other.run_id}: {other.error}"
    return UndoState.WAITING, f"begun in run {other.run_id}, where it is {other.state}"


# ── afterwards ───────────────────────────────────────────────────────────────────────────────────────────────


async def report(store: Store, run_id: str) -> Undoing:
    """How an undo stands. Raises RunNotFound, NothingToUndo for a run that undoes nothing."""
    run = await store.fetch(GetRun(run_id))
    if run.undoes is None:
        raise NothingToUndo(f"run {run.id} is no undo; `hitl undo {run.id}` starts one")
    told = run.output if run.state is RunState.COMPLETED else await store.fetch(GetCheckpoint(run.id))
    rows = told.get(_CALLS) if isinstance(told, dict) else None
    if isinstance(rows, list):
        calls = tuple(UndoneCall.model_validate(each) for each in rows)
    else:
        tools = {effect.call: effect.action.tool for effect in await store.fetch(ListEffects(run.undoes))}
        calls = tuple(_not_reached(run, call, tools[call]) for call in _plan(run))
    return Undoing(run=run, undoes=run.undoes, calls=tuple(_now(run, each) for each in calls))


async def undos(store: Store, run_id: str) -> tuple[Undoing, ...]:
    """The undos of a run, oldest first, and how each stands."""
    found = [run async for run in every(store, ListRuns(undoes=run_id))]
    return tuple([await report(store, each.id) for each in reversed(found)])


def _not_reached(run: Run, call: str, tool: str) -> UndoneCall:
    return UndoneCall(call=call, tool=tool, state=UndoState.NOT_REACHED, why=f"the undo is {run.state}", run_id=run.id)


def _now(run: Run, told: UndoneCall) -> UndoneCall:
    """What was told when the undo paused, as it stands now: nothing waits any more in one that was cancelled."""
    if run.state is not RunState.CANCELLED or told.state is not UndoState.WAITING:
        return told
    return told.model_copy(update={"state": UndoState.REFUSED, "why": run.error})

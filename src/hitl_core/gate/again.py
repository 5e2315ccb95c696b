"""An action that is proposed again after it was allowed or refused: what became of it, and does that still stand?

executed, failed, refused ──► the same as before
allowed                   ──► begins again, if the policy of now asks for nothing more
executing, in doubt       ──► its process died: tried again if it is idempotent, else a person says what happened
"""

from __future__ import annotations

from typing import assert_never

from ..commands import Effect, Known, Lease, MoveEffect
from ..errors import AlreadyStarted, AppChanged
from ..lifecycle import TAKEN_BACK, ActionEvent, ActionState, RequestState
from ..protocol import Action, EffectMode, Json, Proceed, Refuse, Run, Substitute, Verdict, Wait
from .carrying import tried
from .doubt import doubt_form, doubt_ruling, is_about, resolve
from .forms import Form
from .lineage import note_on
from .questions import Questions
from .standing import about, asked_again, asking, once_more
from .surroundings import Surroundings
from .telling import told


class Again:
    """The calls of one turn that are known from before.

    `changed` is set once one of them was found to be another action now. `held` are those that had begun and that
    people are asked about again.
    """

    def __init__(self, around: Surroundings, run: Run, lease: Lease, questions: Questions) -> None:
        self.changed: AppChanged | None = None
        self.held: set[str] = set()
        self._around, self._run, self._lease, self._questions = around, run, lease, questions
        self._weighing, self._granting = questions.weighing, questions.granting

    def require_unchanged(self) -> None:
        """Raises AppChanged once a call of this turn was found changed: what else it does is not to be relied on."""
        if self.changed is not None:
            raise AppChanged(str(self.changed))

    async def verdict(self, action: Action, known: Known, effect: Effect, form: Form) -> Verdict:
        """What was made of it, or what it still needs. Raises AppChanged, AlreadyStarted, LeaseLost or StoreError."""
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
            return await note_on(self._around.store, self._run.id, action, effect)
        except AppChanged as exc:
            self.changed = exc
            raise

    async def _once_more(self, known: Known, effect: Effect, form: Form, note: str) -> Verdict:
        """A call that may begin again: its tool paused inside, or a person said that it did not happen.

        What was decided about it last meets the policy of now.
        """
        decided = about(effect, known.settled)
        found = once_more(effect, decided, note)
        if isinstance(found, Refuse):
            return await self._questions.refuse(effect.action, effect.call, found.text)
        if not isinstance(found, Proceed):
            return found
        current = await self._weighing.rule(found.action, effect.call, form)
        if current.denied:
            return await self._questions.deny(effect.action, effect.call, current)
        missing = await self._granting.unmet(current, decided, self._weighing.case(found.action, effect.call))
        if not missing:
            return found
        self.held.add(effect.call)
        ruling = asked_again(current if current.asks else asking(current), missing)
        return await self._questions.ask(effect.action, effect.call, known.next_round, form, ruling)

    async def _interrupted(self, known: Known, effect: Effect, form: Form, note: str) -> Verdict:
        """A call whose worker died in it. Idempotent ones are tried again, unless the policy of now asks for more:
        it may have happened, so a person has to say what is to become of it."""
        if effect.fence == self._lease.fence:
            raise AlreadyStarted(f"the call {effect.call!r} is running now; it is not started a second time")
        current = await self._weighing.rule(effect.action, effect.call, form)
        decided, case = about(effect, known.settled), self._weighing.case(effect.action, effect.call)
        held = current.denied or await self._granting.unmet(current, decided, case)
        if effect.mode is EffectMode.IDEMPOTENT and not held:
            return Proceed(effect.action, call=effect.call, request_id=effect.request_id, note=note)
        return await self._doubt(known, await self._move(effect, ActionEvent.LOSE, self._lease.owner), form, note)

    async def _doubt(self, known: Known, effect: Effect, form: Form, note: str) -> Verdict:
        if (settled := known.settled) is None or not is_about(settled.request, effect) or settled.state in TAKEN_BACK:
            ruling = doubt_ruling(await self._weighing.rule(effect.action, effect.call, form))
            return await self._questions.ask(effect.action, effect.call, known.next_round, doubt_form(effect), ruling)
        if settled.state in (RequestState.OPEN, RequestState.FROZEN):
            return Wait(settled.request)
        resolution = resolve(effect, settled, note=note)
        moved = await self._move(effect, resolution.event, resolution.by, resolution.result)
        if isinstance(resolution.verdict, Proceed):
            return await self._once_more(known, moved, form, note)
        return resolution.verdict

    async def _move(self, effect: Effect, event: ActionEvent, by: str, result: Json = None) -> Effect:
        move = MoveEffect(self._lease, effect.call, event, by=by, now=self._around.now(), result=result)
        return await self._around.store.apply(move)

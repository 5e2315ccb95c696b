"""What a turn says to an action that it cannot let through: people are asked, or it is refused for good."""

from __future__ import annotations

from ..commands import Lease, Note, RecordRefusal
from ..protocol import Action, AuditEvent, Json, PauseRequest, Refuse, Ruling, Run, Wait
from .forms import Form, compose
from .granting import Granting
from .surroundings import Surroundings
from .turns import Turns
from .weighing import Weighing


class Questions:
    """The questions of one turn. `waiting` are those that are not stored yet, by call."""

    def __init__(self, around: Surroundings, run: Run, lease: Lease) -> None:
        self.turns = Turns(around, run)
        self.weighing = Weighing(around, run)
        self.granting = Granting(around, run)
        self.waiting: dict[str, PauseRequest] = {}
        self._places: dict[str, int] = {}
        self._around, self._run, self._lease = around, run, lease

    def comes(self, call: str) -> None:
        """A call is proposed. Of several that are under way at once, the store may answer a later one first."""
        self._places.setdefault(call, len(self._places))

    def in_order(self) -> tuple[PauseRequest, ...]:
        """What waits, in the order in which it was proposed."""
        return tuple(sorted(self.waiting.values(), key=lambda request: self._places[request.call]))

    async def ask(self, action: Action, call: str, round: int, form: Form, ruling: Ruling) -> Wait:
        """Put the question; until it is answered, the call counts neither for a rule nor for a grant."""
        self.weighing.holds_back(call)
        self.granting.holds_back(call)
        request = self.compose(action, call, round, form, ruling)
        others = self.waiting.values()  # seen anew after the look at the store, when another may have been faster
        request = self.waiting[call] = await self.turns.going_on(request, form.since, waiting=others)
        return Wait(request)

    async def deny(self, action: Action, call: str, ruling: Ruling) -> Refuse:
        """Refuse what the policy denies."""
        return await self.refuse(action, call, ruling.why, rule=ruling.rule, version=ruling.version)

    async def refuse(self, action: Action, call: str, why: str, **more: Json) -> Refuse:
        """For good: asked again, it says the same. `more` is for what the policy refuses: its rule and version."""
        body: dict[str, Json] = {"call": call, "tool": action.tool, "digest": action.digest, **more, "why": why}
        note = Note(AuditEvent.ACTION_REFUSED, self._run.id, "policy" if more else "gate", body)
        await self._around.store.apply(RecordRefusal(self._lease, call, action, note, self._around.now()))
        return Refuse(f"This call is not allowed: {why}")

    def compose(self, action: Action, call: str, round: int, form: Form, ruling: Ruling) -> PauseRequest:
        """The request itself, without asking it."""
        return compose(self._around, self._run, action, call=call, round=round, form=form, ruling=ruling)

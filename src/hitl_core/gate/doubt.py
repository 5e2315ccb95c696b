"""Effects whose outcome was lost in a crash: a person says what happened. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..commands import Effect, Settled
from ..lifecycle import ActionEvent
from ..protocol import Choose, Json, Kind, Level, Option, PauseRequest, Proceed, Refuse, Ruling, Substitute
from .forms import Form

HAPPENED: Final = Option(id="happened", label="It happened: go on with that as its result")
NOT_HAPPENED: Final = Option(id="not_happened", label="It did not happen: run it now")
ABORT: Final = Option(id="abort", label="Do not run it; tell the agent")

_ATTEMPT: Final = "attempt"

RULING: Final = Ruling(
    rule="in-doubt",
    version="1",
    level=Level.CONFIRM,
    why="The process died while this call ran, so its outcome is not known. It is never run again unasked.",
)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a person's word about a lost outcome comes to: how the effect moves, and what the adapter is told."""

    event: ActionEvent
    by: str
    verdict: Proceed | Refuse | Substitute
    result: Json = None


def doubt_form(effect: Effect) -> Form:
    """The question about an effect in doubt. It is about one attempt: the next one to be lost is a new question."""
    title = f"Did {effect.action.tool} happen? Its process died while it ran."
    options = (HAPPENED, NOT_HAPPENED, ABORT)
    return Form(kind=Kind.CHOICE, title=title, options=options, in_doubt=True, handle={_ATTEMPT: effect.attempts})


def is_about(request: PauseRequest, effect: Effect) -> bool:
    """Whether this is the question about the attempt at `effect` that is in doubt now."""
    return request.in_doubt and request.handle.get(_ATTEMPT) == effect.attempts


def resolve(effect: Effect, settled: Settled, *, note: str = "") -> Resolution:
    """What to do with an effect in doubt once its question is settled; no clear word means that it does not run.

    `note` is what the model has to be told about the call besides.
    """
    response = settled.response
    said = response.decision.option if response and isinstance(response.decision, Choose) else ABORT.id
    by = response.responder.id if response else "nobody"
    if said == HAPPENED.id:
        reason = response.reason if response else ""
        result: Json = reason or f"{effect.action.tool} was carried out, as {by} has verified."
        return Resolution(ActionEvent.CONFIRM_HAPPENED, by, Substitute(result, note=note), result)
    if said == NOT_HAPPENED.id:
        again = Proceed(effect.action, call=effect.call, request_id=effect.request_id, note=note)
        return Resolution(ActionEvent.CONFIRM_NOT_HAPPENED, by, again)
    text = f"It is not known whether this call had its effect, and {by} stopped it. Do not try it again."
    return Resolution(ActionEvent.ABANDON, by, Refuse(text))

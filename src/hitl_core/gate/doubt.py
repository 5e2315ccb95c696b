"""Effects whose outcome was lost in a crash: a person says what happened. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..commands import Effect, Settled
from ..lifecycle import ActionEvent
from ..protocol import Choose, Json, Kind, Level, Option, Proceed, Refuse, Ruling, Substitute
from .forms import Form

HAPPENED: Final = Option(id="happened", label="It happened: go on with that as its result")
NOT_HAPPENED: Final = Option(id="not_happened", label="It did not happen: run it now")
ABORT: Final = Option(id="abort", label="Do not run it; tell the agent")

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
    """The question about an effect in doubt."""
    title = f"Did {effect.action.tool} happen? Its process died while it ran."
    return Form(kind=Kind.CHOICE, title=title, options=(HAPPENED, NOT_HAPPENED, ABORT), in_doubt=True)


def resolve(effect: Effect, settled: Settled) -> Resolution:
    """What to do with an effect in doubt once its question is settled; no clear word means that it does not run."""
    response = settled.response
    said = response.decision.option if response and isinstance(response.decision, Choose) else ABORT.id
    by = response.responder.id if response else "nobody"
    if said == HAPPENED.id:
        reason = response.reason if response else ""
        result: Json = reason or f"{effect.action.tool} was carried out, as {by} has verified."
        return Resolution(ActionEvent.CONFIRM_HAPPENED, by, Substitute(result), result)
    if said == NOT_HAPPENED.id:
        again = Proceed(effect.action, call=effect.call, request_id=effect.request_id)
        return Resolution(ActionEvent.CONFIRM_NOT_HAPPENED, by, again)
    text = f"It is not known whether this call had its effect, and {by} stopped it. Do not try it again."
    return Resolution(ActionEvent.ABANDON, by, Refuse(text))

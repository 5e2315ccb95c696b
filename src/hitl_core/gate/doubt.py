"""Effects whose outcome was lost in a crash: a person says what happened. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..commands import Effect, Settled
from ..lifecycle import ActionEvent
from ..protocol import (
    ABORT,
    HAPPENED,
    NOT_HAPPENED,
    Approvers,
    Choose,
    Json,
    Kind,
    Level,
    PauseRequest,
    Proceed,
    Refuse,
    Ruling,
    Substitute,
)
from .forms import Form

_ATTEMPT: Final = "attempt"

RULING: Final = Ruling(
    rule="in-doubt",
    version="1",
    level=Level.CONFIRM,
    why="The process died while this call ran, so its outcome is not known. It is never run again unasked.",
)


_ANYBODY: Final = Approvers(allow_self=True)


def doubt_ruling(current: Ruling) -> Ruling:
    """Who may settle a doubt about an action: whoever may decide the action itself, at its level at least.

    `current` is what the policy says about the action now. What it would let run unasked anybody may settle.
    """
    if not current.asks:
        return RULING.model_copy(update={"approvers": _ANYBODY})
    level = max(RULING.level, current.level, key=lambda level: level.rank)
    return RULING.model_copy(update={"approvers": current.approvers, "level": level})


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
        # On this word and not on the approval before it, so that the last check sees it revoked.
        again = Proceed(effect.action, call=effect.call, request_id=settled.request.id, note=note)
        return Resolution(ActionEvent.CONFIRM_NOT_HAPPENED, by, again)
    text = f"It is not known whether this call had its effect, and {by} stopped it. Do not try it again."
    return Resolution(ActionEvent.ABANDON, by, Refuse(text))

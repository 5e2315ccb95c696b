"""Does what was decided still stand? The policy of now intervenes only if it is stricter; then people are asked anew.

Pure.
"""

from __future__ import annotations

from dataclasses import replace

from ..checks import authorise
from ..commands import Effect, Settled
from ..lifecycle import TAKEN_BACK
from ..protocol import Level, OnTimeout, Proceed, Response, Ruling, Verdict, passed
from ..quorum import asked_after, newly_apart, standing
from .doubt import resolve
from .verdicts import verdict


def unmet(ruling: Ruling, decided: Settled | None) -> str:
    """What `ruling` asks for beyond what was decided; "" if nothing. `decided` is None if nobody was asked.

    A denial is not for this function: it refuses, whatever was decided.
    """
    if decided is not None and decided.state in TAKEN_BACK:
        return f"what was said about it is {decided.state}"
    if not ruling.asks:
        return ""
    if decided is None:
        return "nobody was asked about it"
    if ruling.level is Level.HUMAN_LEADS:
        return "only a person does it now"
    if ruling.stricter_than(decided.request.level):
        return f"it was decided at level {decided.request.level}"
    if decided.response is None:
        lapses = ruling.veto_seconds is not None or ruling.on_timeout is OnTimeout.PROCEED
        return "" if lapses else "nobody answered, and that counts as a yes no more"
    return _people_missing(ruling, decided, decided.response)


def _people_missing(ruling: Ruling, decided: Settled, response: Response) -> str:
    """Which people `ruling` asks for beyond those who have agreed."""
    if apart := newly_apart(ruling.approvers, decided.request.approvers):
        return f"nobody was kept apart from who let {apart} run"
    # Not the time that stands in the answer: its sender writes that, and could have been asked by then.
    since = decided.request.created_at
    seconds = passed(ruling.hours, since, decided.recorded_at or since)
    asked = asked_after(ruling.approvers, ruling.escalation, seconds, decided.votes)
    if asked.needed == 1:
        now = decided.request.model_copy(update={"approvers": ruling.approvers})
        return "; ".join(fault.problem for fault in authorise(now, response, asked.in_order[0]))
    missing = standing(asked, (*decided.votes, response), judged=False).missing
    return missing and f"it needs {missing} besides"


def asked_again(ruling: Ruling, missing: str) -> Ruling:
    """The ruling of a question that is put once more, and says why."""
    return ruling.model_copy(update={"why": f"{ruling.why} Asked again: {missing}."})


def asking(ruling: Ruling) -> Ruling:
    """The ruling for what always asks: a question, or a pause of the app's own. The policy adds who and until when."""
    if ruling.asks and ruling.veto_seconds is None:
        return ruling
    return ruling.model_copy(update={"level": Level.CONFIRM, "veto_seconds": None})


def about(effect: Effect, newest: Settled | None) -> Settled | None:
    """The newest request at the place of `effect`, if it speaks for this action and not for another one."""
    if newest is None:
        return None
    request = newest.request
    speaks = request.in_doubt or request.id == effect.request_id or request.digest == effect.action.digest
    return newest if speaks else None


def once_more(effect: Effect, decided: Settled | None, note: str) -> Verdict:
    """What was decided last about an action that is allowed and has not run; `note` as in Proceed."""
    if decided is None or decided.request.id == effect.request_id:
        return Proceed(effect.action, call=effect.call, request_id=effect.request_id, note=note)
    if decided.request.in_doubt:
        return resolve(effect, decided, note=note).verdict
    found = verdict(decided)
    return replace(found, note=found.note or note) if isinstance(found, Proceed) else found

"""Records of which only the kind is left: what an erased run keeps of each. Pure."""

from __future__ import annotations

from typing import Final

from ....protocol import Action, Grant, Guidance, Json, PauseRequest, Responder, Response, decision_of

ERASED: Final = "(erased)"
"""What stands for a name or a text that was erased."""

_KIND: Final = "outcome"
"""Of a report, whether it was done: one of three words, no free text."""


def action(action: Action) -> Action:
    return Action(tool=action.tool)


def request(asked: PauseRequest) -> PauseRequest:
    """What kind of question it was, by which rule, and the digest of what was shown."""
    return PauseRequest(
        id=asked.id,
        run_id=asked.run_id,
        call=asked.call,
        round=asked.round,
        kind=asked.kind,
        level=asked.level,
        title=ERASED,
        action=action(asked.action),
        digest=asked.digest,
        allowed=asked.allowed,
        because=asked.because,
        created_at=asked.created_at,
        deadline=asked.deadline,
        on_timeout=asked.on_timeout,
        veto=asked.veto,
        in_doubt=asked.in_doubt,
    )


def response(given: Response, name: str = ERASED) -> Response:
    """What kind of decision it was, and when and through which channel it came."""
    said = {
        name: value if name == _KIND else _blank(value)
        for name, value in given.decision.model_dump(mode="json").items()
        if name != "type"
    }
    return Response(
        request_id=given.request_id,
        digest=given.digest,
        decision=decision_of({**said, "type": given.decision.type}),
        responder=responder(given.responder, name),
        decided_at=given.decided_at,
        batch=given.batch,
    )


def _blank(value: Json) -> Json:
    """Nothing, of the same type."""
    if isinstance(value, str):
        return ERASED
    return type(value)() if isinstance(value, list | dict) else None


def responder(who: Responder, name: str = ERASED) -> Responder:
    """Only how they were known."""
    return Responder(id=name, channel=who.channel, authenticated_by=who.authenticated_by)


def grant(given: Grant, name: str = ERASED) -> Grant:
    """What it let run, and for how long; not by whom, why, and on which condition."""
    condition: dict[str, Json] | None = None if given.allows.when is None else {"erased": True}
    return given.model_copy(
        update={
            "allows": given.allows.model_copy(update={"when": condition}),
            "by": responder(given.by, name),
            "reason": ERASED if given.reason else "",
        }
    )


def guidance(told: Guidance, name: str = ERASED) -> Guidance:
    by = responder(told.by, name)
    return Guidance(id=told.id, run_id=told.run_id, text=ERASED, by=by, given_at=told.given_at)

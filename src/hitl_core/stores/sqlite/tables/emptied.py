"""Records of which only the kind is left: what an erased run keeps of each. Pure."""

from __future__ import annotations

from typing import Final

from ....protocol import Action, Guidance, Json, PauseRequest, Responder, Response, decision_of

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


def response(given: Response) -> Response:
    """What kind of decision it was, and when and through which channel it came."""
    who = given.responder
    said = {
        name: value if name == _KIND else _blank(value)
        for name, value in given.decision.model_dump(mode="json").items()
        if name != "type"
    }
    return Response(
        request_id=given.request_id,
        digest=given.digest,
        decision=decision_of({**said, "type": given.decision.type}),
        responder=Responder(id=ERASED, channel=who.channel, authenticated_by=who.authenticated_by),
        decided_at=given.decided_at,
        batch=given.batch,
    )


def _blank(value: Json) -> Json:
    """Nothing, of the same type."""
    if isinstance(value, str):
        return ERASED
    return type(value)() if isinstance(value, list | dict) else None


def guidance(told: Guidance) -> Guidance:
    return Guidance(id=told.id, run_id=told.run_id, text=ERASED, by=Responder(id=ERASED), given_at=told.given_at)

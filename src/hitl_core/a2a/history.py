"""What was said about a task until now, as its messages: its input, and what people were asked and have said. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from a2a.types import Message, Part, Role

from ..commands import Settled
from ..protocol import Json, Response, Run
from .tasks import asks, data_part, value_part


def history_of(
    run: Run, asked: Sequence[Settled], *, talk: str, most: int, inbox: str = "", named: bool = False
) -> list[Message]:
    """The last `most` messages of a run, oldest first; what it waits for now is in its status.

    `named`: with who has decided, and their reason, which are not for everybody whose run it is.
    """
    found = [_message(run, talk, "input", Role.ROLE_USER, [value_part(run.input)])]
    waiting = {request.id for request in run.pending}
    for each in asked:
        if each.request.id in waiting:
            continue
        found.append(_message(run, talk, each.request.id, Role.ROLE_AGENT, asks(each.request, inbox)))
        if each.response is not None:
            given = f"{each.request.id}:answer"
            found.append(_message(run, talk, given, Role.ROLE_USER, [data_part(_said(each.response, named))]))
    return found[-most:] if most else []


def _said(response: Response, named: bool) -> Json:
    said: dict[str, Json] = {
        "request": response.request_id,
        "decision": response.decision.model_dump(mode="json"),
        "decided_at": response.decided_at.isoformat(),
    }
    return said | ({"by": response.responder.id, "reason": response.reason} if named else {})


def _message(run: Run, talk: str, name: str, role: Role, parts: Sequence[Part]) -> Message:
    return Message(message_id=f"{run.id}:{name}", task_id=run.id, context_id=talk, role=role, parts=parts)

"""Where a call goes, and what is said in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast
from urllib.parse import quote

from pydantic import ValidationError

from ..errors import NotUnderstood, PolicyInvalid
from ..policy import Policy
from ..protocol import ClientTool, Json, Responder, canonical
from ..runtime import INPUT_LIMIT
from ..wire import bodies, validation_faults

B = TypeVar("B", bound=bodies.Body)


def made(kind: type[B], **fields: Any) -> B:
    """A body. Raises NotUnderstood with every fault, before anything is sent."""
    try:
        return kind(**fields)
    except ValidationError as exc:
        raise NotUnderstood(validation_faults(exc.errors())) from exc


def run_place(run_id: str, part: str = "") -> str:
    return f"/api/runs/{quote(run_id, safe='')}{part}"


def thread_place(thread: str) -> str:
    return f"/api/threads/{quote(thread, safe='')}"


def request_place(request_id: str, part: str = "") -> str:
    return f"/api/requests/{quote(request_id, safe='')}{part}"


def name_of(by: str | Responder | None) -> str | None:
    return by.id if isinstance(by, Responder) else by


def act(by: str | Responder, reason: str) -> bodies.Act:
    return made(bodies.Act, by=name_of(by), reason=reason)


def start(input: object, by: str | None, thread: str | None, tools: Sequence[ClientTool]) -> bodies.Start:
    """Raises NotCanonical, TooLarge, as a runtime that is here."""
    canonical(input, what="input", limit=INPUT_LIMIT)
    return made(bodies.Start, input=cast("Json", input), by=by, thread=thread, tools=tuple(tools))


def text_of(policy: Policy) -> str:
    """A policy as it is sent. Raises PolicyInvalid for one that is not one text."""
    if policy.text is None:
        raise PolicyInvalid("a policy of several files, or of rules in Python, cannot be sent; put it into one file")
    if len(policy.text) > bodies.MOST_POLICY:
        raise PolicyInvalid(f"a policy of over {bodies.MOST_POLICY:,} characters is not sent; try it at the server")
    return policy.text

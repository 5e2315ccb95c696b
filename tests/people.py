"""What people say in tests: functions from a request to a response."""

from __future__ import annotations

from collections.abc import Callable

from hitl_core.protocol import Json, PauseRequest, Response

Says = Callable[[PauseRequest], Response]


def approve(request: PauseRequest) -> Response:
    return request.approve(by="ann")


def accept(request: PauseRequest) -> Response:
    return request.accept(by="ann")


def reject(request: PauseRequest) -> Response:
    return request.reject("too risky", by="ann")


def answering(value: Json) -> Says:
    return lambda request: request.answer(value, by="ann")


def editing(**changes: Json) -> Says:
    return lambda request: request.edit({**request.action.arguments, **changes}, by="ann")


def revising(feedback: str) -> Says:
    return lambda request: request.revise(feedback, by="ann")


def asking(question: str) -> Says:
    return lambda request: request.ask(question, by="ann")


def shown(request: PauseRequest) -> list[tuple[str, str]]:
    """What people have asked the agent, and what it has answered."""
    return [(each.question, each.answer) for each in request.asked]


def choosing(option: str, reason: str = "") -> Says:
    return lambda request: request.choose(option, by="ann", reason=reason)

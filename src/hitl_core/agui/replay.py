"""What was said, as the messages of a page. Pure."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable

from ag_ui.core import AssistantMessage, FunctionCall, Message, ToolCall, ToolMessage, UserMessage

from ..protocol import Json, Role, Said
from .page_calls import PageCall


def messages_of(said: Iterable[Said], calls: Iterable[PageCall] = (), *, of: Container[str] = ()) -> list[Message]:
    """The whole conversation, then the calls that wait for the page itself, still without a result.

    Calls of client tools (their names are in `of`) that have no result yet are left to those: the request is what is
    answered, and a page that saw both would ask twice.
    """
    said = tuple(said)
    done = {each.call for each in said}
    found = [message for each in said if (message := _message(_without_open(each, of, done)))]
    return [*found, *(asking(each, each.request.id) for each in calls)]


def asking(call: PageCall, id: str) -> AssistantMessage:
    """The message in which a page is asked something by a call of its own, as it was told of the call `id`."""
    return _calling(id, {id: (call.tool, call.arguments)})


def _without_open(said: Said, client_tools: Container[str], done: Container[str | None]) -> Said:
    calls = tuple(each for each in said.calls if each.tool not in client_tools or each.id in done)
    return said if len(calls) == len(said.calls) else said.model_copy(update={"calls": calls})


def _message(said: Said) -> Message | None:
    if said.role is Role.USER:
        return UserMessage(id=said.id, role="user", content=said.text)
    if said.role is Role.TOOL:
        return ToolMessage(id=said.id, role="tool", content=said.text, tool_call_id=said.call or "")
    if said.calls:
        return _calling(said.id, {each.id: (each.tool, each.arguments) for each in said.calls}, said.text)
    return AssistantMessage(id=said.id, role="assistant", content=said.text) if said.text else None


def _calling(id: str, calls: dict[str, tuple[str, Json]], text: str = "") -> AssistantMessage:
    made = [
        ToolCall(id=call, type="function", function=FunctionCall(name=tool, arguments=_arguments(arguments)))
        for call, (tool, arguments) in calls.items()
    ]
    return AssistantMessage(id=id, role="assistant", content=text or None, tool_calls=made)


def _arguments(arguments: Json) -> str:
    return json.dumps(arguments, ensure_ascii=False)

"""What a page has posted: its answers, what its user says, and the tools that it offers. Pure, and never trusted.

A page answers in three ways: `resume[]` (the standard), `forwardedProps.command` (pages older than June 2026), and the
message of a tool that it runs itself. All three name a request; who answers is never read from here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from ag_ui.core import AssistantMessage, Message, RunAgentInput, Tool, ToolMessage, UserMessage
from pydantic import ValidationError

from ..apps import text_of
from ..errors import Fault, NotUnderstood
from ..protocol import ClientTool, Json, said_id
from ..wire import validation_faults

ECHO: Final = "tool_call_id"
"""The key by which an answer says to which call it belongs. CopilotKit may hand an answer to another call of the same
tool than the one whose card was clicked."""
ANSWERS_LIMIT: Final = 1_000
"""Answers that one post may have."""
LONGEST_NAME: Final = 256
"""Characters that the name of a conversation may have."""


@dataclass(frozen=True, slots=True)
class Given:
    """An answer to one request. `dismissed`: the person has closed the question. `fault` is why it cannot be taken.

    `call` is that of the page's tool which the answer is the result of; "" for an answer to an interrupt. `echoed`: the
    answer itself says that it is that call's.
    """

    request_id: str
    payload: Json = None
    dismissed: bool = False
    fault: str = ""
    call: str = ""
    echoed: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What the page's user says. `left_out` are the kinds of content that were not text."""

    id: str
    text: str
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Posted:
    """One POST of a page. `run` is the page's own name for it, and means nothing here."""

    thread: str
    run: str
    answers: tuple[Given, ...]
    results: tuple[Given, ...]
    """Messages of tools. Most are history; those that name an open request are answers."""
    heard: tuple[Heard, ...]
    tools: tuple[ClientTool, ...]
    ids: frozenset[str] = frozenset()
    """The ids of all messages that the page has, and of the calls in them."""
    state: Json = None
    context: tuple[tuple[str, str], ...] = ()
    times: Mapping[str, int] = field(default_factory=dict)
    """How often the page was asked each request by a call of its own."""
    tool_faults: tuple[Fault, ...] = ()
    """What is wrong with the tools that it offers; those are not among `tools`."""
    messages: tuple[Message, ...] = ()
    """All that it holds."""


def posted(body: bytes) -> Posted:
    """Raises NotUnderstood with every fault for what is no RunAgentInput."""
    try:
        given = _input(body)
    except ValidationError as exc:
        raise NotUnderstood(validation_faults(exc.errors())) from exc
    if faults := [*thread_faults(given.thread_id), *_too_many(given)]:
        raise NotUnderstood(faults)
    ids = frozenset(_ids(given))
    tools, tool_faults = _tools(given)
    return Posted(
        given.thread_id,
        given.run_id,
        (*_resumed(given), *_commanded(given)),
        tuple(_result(each) for each in given.messages if isinstance(each, ToolMessage)),
        tuple(_heard(each) for each in given.messages if isinstance(each, UserMessage)),
        tools,
        ids,
        given.state,
        tuple((each.description, each.value) for each in given.context or ()),
        Counter(map(request_of, ids)),
        tool_faults,
        tuple(given.messages),
    )


def _input(body: bytes) -> RunAgentInput:
    """A page posts all that was said each time: one message that cannot be read would lock it for ever."""
    try:
        return RunAgentInput.model_validate_json(body)
    except ValidationError:
        if rb"\u" not in body:
            raise
    return RunAgentInput.model_validate_json(_in_whole_characters(body))


def _in_whole_characters(body: bytes) -> bytes:
    """JSON without halves of characters, as a box leaves them that cuts what is typed: UTF-8 has none."""
    try:
        return whole(json.dumps(json.loads(body.decode()), ensure_ascii=False)).encode()
    except (ValueError, RecursionError):
        return body


def whole(text: str) -> str:
    """A text that UTF-8 can say: each half of a character is one that nobody knows."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def thread_faults(thread: str) -> list[Fault]:
    """What is wrong with the name of a conversation, which a page makes up."""
    if 0 < len(thread) <= LONGEST_NAME and thread.isprintable():
        return []
    return [Fault("threadId", f"has to be of 1 to {LONGEST_NAME} characters that can be seen")]


def _too_many(given: RunAgentInput) -> Iterator[Fault]:
    if (count := len(given.resume or ())) > ANSWERS_LIMIT:
        yield Fault("resume", f"has {count} answers; send {ANSWERS_LIMIT} at most")


def _ids(given: RunAgentInput) -> Iterator[str]:
    for message in given.messages:
        yield message.id
        if isinstance(message, AssistantMessage):
            yield from (each.id for each in message.tool_calls or ())


def _resumed(given: RunAgentInput) -> list[Given]:
    return [Given(each.interrupt_id, each.payload, dismissed=each.status == "cancelled") for each in given.resume or ()]


def _commanded(given: RunAgentInput) -> list[Given]:
    """The older wire. Its event has to name our request: an answer without it may be meant for another one."""
    props: Any = given.forwarded_props
    command = props.get("command") if isinstance(props, dict) else None
    if given.resume or not isinstance(command, dict) or "resume" not in command:
        return []
    event: Any = command.get("interruptEvent")
    if isinstance(event, str):
        event = _json(event)
    named = event.get("id") if isinstance(event, dict) else None
    if not isinstance(named, str):
        return [Given("", fault="names no request: send the event back as it came, with its `id`")]
    return [Given(named, command["resume"])]


def _result(message: ToolMessage) -> Given:
    """What a page's tool has come to: the text as it stands, or without its echo, which has to name this call."""
    call, text = message.tool_call_id, _text(message.content)[0]
    asked, value = request_of(call), _json(text)
    if not isinstance(value, dict) or ECHO not in value:
        return Given(asked, text, call=call)
    if (named := value.pop(ECHO)) != call:
        return Given(
            asked, fault=f"The answer was given for the call {named!r}, and came as that of another one.", call=call
        )
    return Given(asked, value, call=call, echoed=True)


def value_in(payload: Json) -> Json:
    """What a text says as JSON; the text itself where it is none."""
    if not isinstance(payload, str):
        return payload
    try:
        return cast("Json", json.loads(payload))
    except (ValueError, RecursionError):
        return payload


def call_of(request_id: str, time: int) -> str:
    """The id of the page's call that asks a request for the nth time (from 0): a call that has a result is over."""
    return f"{request_id}~{time}" if time else request_id


def request_of(call: str) -> str:
    """The request that a call of the page asks."""
    return call.partition("~")[0]


def _heard(message: UserMessage) -> Heard:
    """Its id is what the transcript knows it by, or it would be heard again each time."""
    return Heard(said_id(message.id), *_text(message.content))


def _text(content: Any) -> tuple[str, tuple[str, ...]]:
    """The text of a message, and the kinds of its parts that are none."""
    if isinstance(content, str):
        return content, ()
    parts = [each.model_dump(include={"type", "text"}) for each in content]
    return text_of(parts, between="\n"), tuple(each["type"] for each in parts if each["type"] != "text")


def _tools(given: RunAgentInput) -> tuple[tuple[ClientTool, ...], tuple[Fault, ...]]:
    """The tools that a page offers, and what is wrong with those that can be none."""
    tools, faults = list[ClientTool](), list[Fault]()
    for each in given.tools or ():
        try:
            tools.append(_tool(each))
        except ValidationError as exc:
            place = f"tools.{each.name[:64]}"
            faults += [Fault(f"{place}.{'.'.join(map(str, one['loc']))}", one["msg"]) for one in exc.errors()]
    return tuple(tools), tuple(faults)


def _tool(tool: Tool) -> ClientTool:
    """One that says nothing of its parameters takes none."""
    if not isinstance(tool.parameters, dict):
        return ClientTool(name=tool.name, description=tool.description)
    return ClientTool(name=tool.name, description=tool.description, parameters=tool.parameters)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None

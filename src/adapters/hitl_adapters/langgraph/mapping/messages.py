"""Verdicts and results as the messages that a model reads, and what is kept of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, cast

from langchain_core.messages import BaseMessage, ToolMessage, message_to_dict, messages_from_dict
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command, Send

from hitl_core.errors import RecordError, ResultNotKept
from hitl_core.gate import unchecked
from hitl_core.protocol import Arguments, Executed, Failed, Json, Outcome, Refuse, Substitute, Verdict
from hitl_core.tools import as_json, with_receipt

Result = ToolMessage | Command[Any]
"""What a ToolNode takes from a tool by its types; a tool may also return a list of these."""

_MESSAGE: Final = "hitl/message"
_KEPT: Final = "hitl/result"
"""Marks what we kept of a result, by the kind of it. A value without it is what a tool itself returned."""


def with_arguments(request: ToolCallRequest, arguments: Arguments) -> ToolCallRequest:
    """The request with the arguments that were allowed."""
    return request.override(tool_call={**request.tool_call, "args": arguments})


def refused(request: ToolCallRequest, text: str) -> ToolMessage:
    call = request.tool_call
    return ToolMessage(content=text, name=call["name"], tool_call_id=call["id"], status="error")


def said(request: ToolCallRequest, value: Json, note: str = "") -> ToolMessage:
    """A value that stands for the tool's result."""
    call, text = request.tool_call, text_of(value)
    return ToolMessage(content=f"{note}\n\n{text}" if note else text, name=call["name"], tool_call_id=call["id"])


def text_of(value: Json) -> str:
    """A value as the text that a model reads."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def answer(request: ToolCallRequest, verdict: Verdict) -> Result:
    """The message for a call that does not run."""
    match verdict:
        case Refuse(text=text):
            return refused(request, text)
        case Substitute(result=result, recorded=True, note=note):
            return replayed(request, result, note)
        case Substitute(result=result, note=note):
            return said(request, result, note)
        case _:
            return refused(request, "Nobody has decided about this call; it did not run.")


def unshowable(request: ToolCallRequest, error: RecordError) -> ToolMessage:
    return refused(request, unchecked(error))


# ── keeping results, to be handed out again if the framework runs the node once more ─────────────────────────


def outcome_of(result: Result | list[Result], note: str = "", *, returned: Sequence[Json] = ()) -> Outcome:
    """What is kept of a tool's result: what it returned (`returned`, if it is neutral), and the message only where that
    says something else. Raises ResultNotKept for a result that has no JSON form."""
    told: Any = noted(result, note)
    if isinstance(told, ToolMessage) and told.status == "error":
        return Failed(str(told.content)[:4000])
    try:
        receipt = returned[-1] if returned else _returned(result)
        if isinstance(result, ToolMessage) and _says(result, receipt):
            return Executed(receipt)
        kept = _parts(told) if isinstance(told, list) else _kept(told)
        return Executed(with_receipt(kept, receipt))
    except Exception as exc:
        raise ResultNotKept.because(exc) from exc


def _returned(result: Result | list[Result]) -> Json:
    """What a native tool returned, as far as a message has it."""
    return as_json(result.content) if isinstance(result, ToolMessage) else None


def _says(message: ToolMessage, returned: Json) -> bool:
    """Whether a message is what `said` would make of that: nothing was made of it on the way."""
    more = message.artifact, message.id, message.additional_kwargs, message.response_metadata
    return not any(more) and message.content == text_of(returned)


def _parts(results: list[Result]) -> dict[str, Json]:
    return {_KEPT: "parts", "parts": [_kept(part) for part in results]}


def _kept(result: Result) -> dict[str, Json]:
    if isinstance(result, ToolMessage):
        return {_KEPT: "message", "message": as_json(message_to_dict(result))}
    return {_KEPT: "command", "update": _packed(result.update), "goto": as_json(result.goto), "graph": result.graph}


def _packed(value: Any) -> Json:
    """A state update as JSON; messages are marked, so that they come back as messages."""
    if isinstance(value, BaseMessage):
        return {_MESSAGE: as_json(message_to_dict(value))}
    if isinstance(value, dict):
        return {str(key): _packed(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(each) for each in value]
    return as_json(value)


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict) and _MESSAGE in value:
        return messages_from_dict([value[_MESSAGE]])[0]
    if isinstance(value, dict):
        return {key: _unpacked(each) for key, each in value.items()}
    return [_unpacked(each) for each in value] if isinstance(value, list) else value


def replayed(request: ToolCallRequest, kept: Json, note: str = "") -> Result:
    """The result of a call that has run already, as the model read it the first time.

    `note` is for a value that the store kept as the tool returned it; what we kept has its note in it.
    """
    found = cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}
    match found.get(_KEPT):
        case "parts":
            return cast("Result", [replayed(request, part) for part in found["parts"]])
        case "message":
            return cast("ToolMessage", messages_from_dict([found["message"]])[0])
        case "command":
            update = _unpacked(found["update"])
            return Command(update=update, goto=_destinations(found["goto"]), graph=found["graph"])
        case _:
            return said(request, kept, note)


def _destinations(goto: Any) -> Any:
    """Where a Command goes: nodes by name, or work sent to them."""
    if isinstance(goto, dict):
        return Send(goto["node"], goto["arg"])
    return [_destinations(each) for each in goto] if isinstance(goto, list) else goto


def noted(result: Result | list[Result], note: str) -> Result:
    """The result with a note for the model in front of the message that it reads."""
    if not note:
        return cast("Result", result)
    if isinstance(result, list):
        return cast("Result", [*(noted(part, note) for part in result[:1]), *result[1:]])
    if isinstance(result, ToolMessage):
        return _prefixed(result, note)
    update = result.update
    if not isinstance(update, dict) or not isinstance(update.get("messages"), list):
        return result
    told = [_prefixed(each, note) if isinstance(each, ToolMessage) else each for each in update["messages"]]
    return replace(result, update={**update, "messages": told})


def _prefixed(message: ToolMessage, note: str) -> ToolMessage:
    if isinstance(message.content, str):
        return message.model_copy(update={"content": f"{note}\n\n{message.content}"})
    return message.model_copy(update={"content": [{"type": "text", "text": note}, *message.content]})

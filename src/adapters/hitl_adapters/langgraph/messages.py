"""Verdicts and results as the messages that a model reads, and what is kept of them."""

from __future__ import annotations

import json
from typing import Any, cast

from langchain_core.messages import ToolMessage, message_to_dict, messages_from_dict
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command

from hitl_core.protocol import Arguments, Executed, Failed, Json, Outcome, Refuse, Substitute, Verdict
from hitl_core.tools import as_json

Result = ToolMessage | Command[Any]


def with_arguments(request: ToolCallRequest, arguments: Arguments) -> ToolCallRequest:
    """The request with the arguments that were allowed."""
    return request.override(tool_call={**request.tool_call, "args": arguments})


def refused(request: ToolCallRequest, text: str) -> ToolMessage:
    call = request.tool_call
    return ToolMessage(content=text, name=call["name"], tool_call_id=call["id"], status="error")


def said(request: ToolCallRequest, value: Json, note: str = "") -> ToolMessage:
    """A value that stands for the tool's result."""
    call = request.tool_call
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return ToolMessage(content=f"{note}\n\n{text}" if note else text, name=call["name"], tool_call_id=call["id"])


def answer(request: ToolCallRequest, verdict: Verdict) -> Result:
    """The message for a call that does not run."""
    match verdict:
        case Refuse(text=text):
            return refused(request, text)
        case Substitute(result=result, recorded=True):
            return replayed(request, result)
        case Substitute(result=result):
            return said(request, result)
        case _:
            return refused(request, "Nobody has decided about this call; it did not run.")


def outcome_of(result: Result) -> Outcome:
    """What is kept of a tool's result, to be handed out again if the framework runs the node once more."""
    if isinstance(result, ToolMessage):
        if result.status == "error":
            return Failed(str(result.content)[:4000])
        return Executed({"message": as_json(message_to_dict(result))})
    return Executed({"command": as_json({"update": result.update, "goto": result.goto, "resume": None})})


def replayed(request: ToolCallRequest, kept: Json) -> Result:
    """The result of a call that has run already. A changed note was part of the first message only."""
    if isinstance(kept, dict) and isinstance(kept.get("message"), dict):
        return cast("ToolMessage", messages_from_dict([cast("dict[str, Any]", kept["message"])])[0])
    if isinstance(kept, dict) and isinstance(kept.get("command"), dict):
        command = cast("dict[str, Any]", kept["command"])
        return Command(update=command["update"], goto=command["goto"])
    return said(request, kept)


def noted(result: Result, note: str) -> Result:
    """The result with a note for the model in front of it."""
    if not note or not isinstance(result, ToolMessage):
        return result
    return result.model_copy(update={"content": f"{note}\n\n{result.content}"})

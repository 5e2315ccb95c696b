"""Verdicts and results as what a model reads, and what is kept of them."""

from __future__ import annotations

import json
from typing import Final

from autogen_core.tools import TextResultContent, ToolResult

from hitl_core.commands import Settled
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import RECEIPT, Executed, Failed, Json, Outcome

_RESULT: Final = "autogen/tool_result"


def said(tool: str, value: Json, note: str = "") -> ToolResult:
    """A value that stands for the tool's result."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return with_note(ToolResult(name=tool, result=[TextResultContent(content=text)]), note)


def refused(tool: str, text: str) -> ToolResult:
    """A call that came to nothing; the model reads why."""
    return ToolResult(name=tool, result=[TextResultContent(content=text)], is_error=True)


def with_note(result: ToolResult, note: str) -> ToolResult:
    """The result with a note for the model in front."""
    if not note:
        return result
    return result.model_copy(update={"result": [TextResultContent(content=note), *result.result]})


def kept_result(result: ToolResult) -> Outcome:
    """What is kept of a result, to be handed out again if the turn is replayed."""
    if result.is_error:
        return Failed(result.to_text()[:4000])
    return Executed({_RESULT: result.model_dump(mode="json"), RECEIPT: result.to_text()})


def recalled(tool: str, kept: Json, note: str = "") -> ToolResult:
    """The result of a call that has run already, as the model read it the first time."""
    if isinstance(kept, dict) and isinstance(kept.get(_RESULT), dict):
        return ToolResult.model_validate(kept[_RESULT])
    return said(tool, kept, note)


def no_answer(settled: Settled) -> str:
    """What a conversation is told when a question to a person was settled without an answer."""
    if settled.state is RequestState.EXPIRED:
        return "Nobody answered before the deadline."
    return "Nobody answered this question."

"""Verdicts and results as what a model reads, and what is kept of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from autogen_core.tools import TextResultContent, ToolResult

from hitl_core.commands import Settled
from hitl_core.errors import ResultNotKept
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Executed, Failed, Json, Outcome
from hitl_core.tools import with_receipt

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


def kept_result(result: ToolResult, note: str = "", *, returned: Sequence[Json] = ()) -> Outcome:
    """What is kept of a tool's result, to be handed out again if the turn is replayed: what it returned (`returned`, if
    it is neutral), and AutoGen's own form only where that says something else. Raises ResultNotKept for a result that
    has no JSON form."""
    told = with_note(result, note)
    if result.is_error:
        return Failed(told.to_text()[:4000])
    receipt = returned[-1] if returned else _returned(result)
    if result.result == said(result.name, receipt).result:
        return Executed(receipt)
    try:
        return Executed(with_receipt({_RESULT: told.model_dump(mode="json")}, receipt))
    except Exception as exc:
        raise ResultNotKept.because(exc) from exc


def _returned(result: ToolResult) -> Json:
    """What a native tool returned, as far as its result has it as text."""
    texts = [each for each in result.result if isinstance(each, TextResultContent)]
    return result.to_text() if texts and len(texts) == len(result.result) else None


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

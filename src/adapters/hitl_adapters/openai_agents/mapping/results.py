"""What a tool returned, as it is kept, handed out again, and told to the model. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final, cast

from agents.editor import ApplyPatchResult
from agents.tool import ShellCommandOutput, ShellResult, ToolOutputFileContent, ToolOutputImage, ToolOutputText
from pydantic import TypeAdapter

from hitl_core.protocol import Json
from hitl_core.tools import as_json

_PARTS: Final = (ToolOutputText, ToolOutputImage, ToolOutputFileContent)
_SHELL: Final = "hitl/shell"
_SHELL_RESULT: Final = TypeAdapter(ShellResult)
_PATCH: Final = "hitl/patch"
_NOTE: Final = 500
"""Of a note at least so much is told: that a person changed the call, and how what ran begins."""


class NoResult(str):
    """What the model is told in place of a result: the call did not run, or failed."""

    __slots__ = ()


def kept(result: Any) -> Json:
    """A result as JSON, such that the model reads the same when it is handed out again."""
    if isinstance(result, ShellResult):
        return {_SHELL: as_json(_SHELL_RESULT.dump_python(result, mode="json"))}
    if isinstance(result, ApplyPatchResult):
        return {_PATCH: {"status": result.status, "output": result.output}}
    if isinstance(result, _PARTS):
        return as_json(result.model_dump(mode="json", exclude_none=True))
    if isinstance(result, list | tuple) and result and all(isinstance(part, _PARTS) for part in result):
        return [kept(part) for part in result]
    if result is None or isinstance(result, str | bool | int | float | dict | list):
        return as_json(result)
    return str(result)  # what the SDK tells the model of anything else


def unkept(value: Json) -> Any:
    """The result that `kept` was given."""
    if isinstance(value, dict) and _SHELL in value:
        return _SHELL_RESULT.validate_python(value[_SHELL])
    if isinstance(value, dict) and isinstance(value.get(_PATCH), dict):
        return ApplyPatchResult(**cast("dict[str, Any]", value[_PATCH]))
    return value


def said(value: Json) -> str:
    """A person's words or choice as the text that the model reads."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def noted(result: Any, note: str) -> Any:
    """A result with a note before it; how a call was changed is always told."""
    if not note:
        return result
    if isinstance(result, NoResult):
        return NoResult(f"{note}\n\n{result}")
    if isinstance(result, ShellResult):
        return _noted_shell(result, note)
    if isinstance(result, ApplyPatchResult):
        return replace(result, output=f"{note}\n\n{result.output}" if result.output else note)
    if isinstance(result, _PARTS) or (isinstance(result, dict) and result.get("type") in ("text", "image", "file")):
        return [ToolOutputText(text=note), result]
    if isinstance(result, list) and result and isinstance(kept(result[0]), dict):
        return [ToolOutputText(text=note), *result]
    return f"{note}\n\n{result if isinstance(result, str) else str(result)}"


def _noted_shell(result: ShellResult, note: str) -> ShellResult:
    """The note is the first output. Where all is cut at some length, it leaves room for the others."""
    length = result.max_output_length
    if length is not None:
        note = note[: max(_NOTE, length // 2)]
    room = None if length is None else max(length, 0) + len(note)
    return replace(result, output=[ShellCommandOutput(stdout=note), *result.output], max_output_length=room)

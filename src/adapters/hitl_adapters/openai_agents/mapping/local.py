"""A call of one of the SDK's local tools (shell, apply_patch, custom) as arguments, and an edit as a call. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, cast

from agents import ToolApprovalItem
from agents.editor import ApplyPatchOperation, ApplyPatchResult
from agents.tool import (
    ShellActionRequest,
    ShellCallOutcome,
    ShellCommandOutput,
    ShellCommandRequest,
    ShellResult,
)

from hitl_core.gate import Form
from hitl_core.protocol import Arguments, Json
from hitl_core.tools import as_json

from .calls import DECISION_ONLY, CallFault, read_arguments
from .results import NoResult

_PARTS: Final = ("commands", "timeout_ms", "max_output_length", "type", "path", "diff", "move_to")
_TEXT: Final[dict[str, Json]] = {"type": "string", "minLength": 1}
_ROOM: Final = 1000
"""The shortest output with room for what the model has to be told about an edit, and for something of the result."""


def local_arguments(given: Any) -> Arguments:
    """What a local tool is called with, from the model's answer or from the SDK's own records of it."""
    if isinstance(given, str):
        return {"input": given}
    read = given if isinstance(given, dict) else {name: getattr(given, name, None) for name in _PARTS}
    return {name: as_json(read[name]) for name in _PARTS if read.get(name) is not None}


def arguments_of(item: ToolApprovalItem) -> Arguments:
    """What a native pause is about. Raises CallFault."""
    raw = item.raw_item if isinstance(item.raw_item, dict) else item.raw_item.model_dump(exclude_none=True)
    for part in ("action", "operation"):
        if isinstance(raw.get(part), dict):
            return local_arguments(raw[part])
    if raw.get("type") == "custom_tool_call":
        return local_arguments(str(raw.get("input", "")))
    if raw.get("type") not in ("function_call", "mcp_approval_request"):
        raise CallFault(f"a call of the kind {raw.get('type')!r} is not known")
    return read_arguments(item.arguments)


def local_form(arguments: Arguments) -> Form:
    """How the request of such a call looks. An edit changes what is done, not what kind of call it is."""
    if "commands" in arguments:
        return _shell_form(arguments)
    if "input" in arguments:
        return Form(arguments_schema=_exactly({"input": {"type": "string"}}))
    parts: dict[str, Json] = {"type": {"const": arguments["type"]}, "path": _TEXT}
    if arguments["type"] != "delete_file":
        parts["diff"] = _TEXT
    optional: dict[str, Json] = {"move_to": _TEXT} if arguments["type"] == "update_file" else {}
    return Form(arguments_schema=_exactly(parts, optional))


def _shell_form(arguments: Arguments) -> Form:
    """The SDK cuts the output of a call to the length that the model asked for, whatever is in it."""
    parts: dict[str, Json] = {"commands": {"type": "array", "items": _TEXT, "minItems": 1}}
    length = cast("int | None", arguments.get("max_output_length"))
    answer: dict[str, Json] | None = None
    if length is not None:
        if length < _ROOM:
            return Form(allowed=DECISION_ONLY)
        parts["max_output_length"] = {"const": length}
        answer = {"type": "string", "pattern": r"\S", "maxLength": length}
    schema = _exactly(parts, {"timeout_ms": {"type": "integer", "minimum": 1}})
    return Form(arguments_schema=schema, answer_schema=answer)


def _exactly(parts: dict[str, Json], optional: Mapping[str, Json] | None = None) -> dict[str, Json]:
    every = {**parts, **(optional or {})}
    return {"type": "object", "properties": every, "required": list(parts), "additionalProperties": False}


# ── what an edit makes of a call ─────────────────────────────────────────────────────────────────────────────


def edited_shell(request: ShellCommandRequest, given: Arguments) -> ShellCommandRequest:
    """The request with other commands. `raw` is left out: it has those of the model."""
    action = ShellActionRequest(**cast("dict[str, Any]", given))
    return replace(request, data=replace(request.data, action=action, raw=None))


def edited_patch(operation: ApplyPatchOperation, given: Arguments) -> ApplyPatchOperation:
    """The operation with another path, diff or new name."""
    changed = {name: given.get(name) for name in ("path", "diff", "move_to")}
    return replace(operation, **cast("dict[str, Any]", changed))


# ── what came of it ──────────────────────────────────────────────────────────────────────────────────────────


def shell_result(made: Any) -> Any:
    """What an executor gave; a text in place of a result is one of a command that failed, as the SDK has it."""
    if not isinstance(made, NoResult):
        return made
    failed = ShellCommandOutput(stderr=str(made), outcome=ShellCallOutcome(type="exit", exit_code=1))
    return ShellResult(output=[failed])


def cut_shell(made: Any, given: Arguments) -> Any:
    """What changed commands gave, with the length at which the SDK cuts it, for the note that comes before it."""
    length = cast("int | None", given.get("max_output_length"))
    if length is None:
        return made
    whole = made if isinstance(made, ShellResult) else ShellResult(output=[ShellCommandOutput(stdout=str(made))])
    own = whole.max_output_length
    return replace(whole, max_output_length=length if own is None else min(own, length))


def patch_result(made: Any) -> ApplyPatchResult:
    """What an editor gave, in the one form that has a place for everything."""
    if isinstance(made, ApplyPatchResult):
        return made
    if isinstance(made, Mapping):
        return ApplyPatchResult(status=made.get("status"), output=made.get("output"))
    status: Any = "failed" if isinstance(made, NoResult) else "completed"
    return ApplyPatchResult(status=status, output=None if made is None else str(made))


def several_operations(item: Mapping[str, Any]) -> bool:
    """Whether a call of the older form of apply_patch has more than one operation in it."""
    try:
        read = json.loads(item["input"]) if item.get("type") == "custom_tool_call" else None
    except ValueError:
        return False
    return isinstance(read, dict) and "operations" in read

"""LangChain's `HumanInTheLoopMiddleware` (1.4.7 read and run; research/langgraph.md §3.1), in both of its modes.

batched   one pause for all gated calls of a model turn; N requests, lowered together into `{"decisions": […]}`.
per_call  one pause per call; lowered into a single decision.

In both, the tool is pinned: a batched edit could otherwise switch to another gated tool, unreviewed (langchain#40166).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from hitl_core.errors import DigestMismatch
from hitl_core.protocol import Answer as AnswerDecision
from hitl_core.protocol import Approve, Decision, Edit, Json, Kind, PauseRequest, Reject, Reply

from ..errors import not_told
from .inference import Unclear
from .pause import Lifted, NativePause
from .schemas import branches_by_type, resolved

SchemaOf = Callable[[str], dict[str, Json] | None]
"""tool name → the schema of its arguments, where the graph's tools are known"""

_REPLIES: Final = {
    "approve": Reply.APPROVE,
    "edit": Reply.EDIT,
    "reject": Reply.REJECT,
    "respond": Reply.ANSWER,
}


def is_batched(value: Json) -> bool:
    if not isinstance(value, dict):
        return False
    actions, configs = value.get("action_requests"), value.get("review_configs")
    return (
        isinstance(actions, list)
        and isinstance(configs, list)
        and bool(actions)
        and all(
            isinstance(a, dict) and isinstance(a.get("name"), str) and isinstance(a.get("args"), dict) for a in actions
        )
    )


def is_per_call(value: Json) -> bool:
    return (
        isinstance(value, dict)
        and value.get("type") == "tool_approval"
        and {"tool_call_id", "name", "args"} <= set(value)
        and isinstance(value["name"], str)
        and isinstance(value["args"], dict)
    )


def lift_batched(pause: NativePause, schema_of: SchemaOf) -> tuple[Lifted, ...]:
    """One request per action. `review_configs` comes one per action, or one per tool name. Raises Unclear."""
    assert isinstance(pause.value, dict)
    actions, configs = (
        list(_dicts(pause.value["action_requests"])),
        list(_dicts(pause.value["review_configs"])),
    )
    allowed = [_allowed(action, configs, index, len(actions)) for index, action in enumerate(actions)]
    if not all(allowed):
        raise Unclear("its review_configs allow no decision for one of the actions")
    calls: list[Json] = [_call(action, may) for action, may in zip(actions, allowed, strict=True)]
    codec: dict[str, Json] = {"codec": "langchain.batched", "version": 1, "of": len(actions), "calls": calls}
    return tuple(
        _lifted(pause, action, may, schema_of, {**codec, "index": index})
        for index, (action, may) in enumerate(zip(actions, allowed, strict=True))
    )


def lift_per_call(pause: NativePause, schema_of: SchemaOf) -> tuple[Lifted, ...]:
    """The allowed decisions and the argument schema are in the interrupt's own `response_schema`."""
    assert isinstance(pause.value, dict)
    branches = branches_by_type(pause.response_schema)
    edit = branches.get("edit")
    arguments = edit.get("properties", {}).get("edited_action", {}).get("properties", {}).get("args") if edit else None
    schema = resolved(arguments, pause.response_schema) if isinstance(arguments, dict) else None
    allowed = [name for name in _REPLIES if name in branches] or list(_REPLIES)
    codec: dict[str, Json] = {
        "codec": "langchain.per_call",
        "version": 1,
        **_call(pause.value, allowed),
        "response_schema": pause.response_schema,
    }
    return (_lifted(pause, pause.value, allowed, lambda tool: schema or schema_of(tool), codec),)


def _call(action: Mapping[str, Any], allowed: Sequence[str]) -> dict[str, Json]:
    return {"tool": str(action["name"]), "allowed": [_REPLIES[name].value for name in allowed]}


def _dicts(value: Json) -> Iterator[dict[str, Any]]:
    return (item for item in (value if isinstance(value, list) else ()) if isinstance(item, dict))


def _allowed(action: Mapping[str, Any], configs: list[dict[str, Any]], index: int, count: int) -> list[str]:
    named = [c for c in configs if c.get("action_name") == action["name"]]
    own = configs[index] if len(configs) == count and configs[index] in named else next(iter(named), {})
    allowed = own.get("allowed_decisions")
    return [name for name in allowed if name in _REPLIES] if isinstance(allowed, list) else []


def _lifted(
    pause: NativePause,
    action: Mapping[str, Any],
    allowed: Sequence[str],
    schema_of: SchemaOf,
    codec: dict[str, Json],
) -> Lifted:
    tool, arguments = str(action["name"]), dict(action["args"])
    index = int(str(codec.get("index", 0)))
    return Lifted(
        index=index,
        kind=Kind.APPROVAL,
        tool=tool,
        arguments=arguments,
        title=f"{tool} needs approval",
        allowed=tuple(_REPLIES[name] for name in allowed),
        codec=codec,
        answer_schema={"type": "string"},
        arguments_schema=schema_of(tool),
        message=str(action.get("description") or ""),
    )


def decision_for(request: PauseRequest, decision: Decision, codec: Mapping[str, Any]) -> dict[str, Json]:
    """One LangChain decision. Raises ResponseRefused for what the middleware was not configured to take."""
    tool = str(codec["tool"])
    if request.action.tool != tool:
        raise DigestMismatch(f"the answer is for {request.action.tool!r}, and {tool!r} waits in its place")
    if decision.type not in codec["allowed"]:
        raise not_told(decision, codec["allowed"])
    match decision:
        case Approve():
            return {"type": "approve"}
        case Edit(arguments=arguments):
            return {"type": "edit", "edited_action": {"name": tool, "args": arguments}}
        case Reject(message=message):
            return {"type": "reject", "message": message} if message else {"type": "reject"}
        case AnswerDecision(value=str() as value):
            return {"type": "respond", "message": value}
        case _:
            raise not_told(decision, codec["allowed"], why="its result must be text")

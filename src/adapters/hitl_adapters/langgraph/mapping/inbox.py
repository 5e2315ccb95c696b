"""The Agent Inbox schema (`langgraph.prebuilt.interrupt.HumanInterrupt`; research/langgraph.md §3.2).

The answer is a list of one `{"type", "args"}`, because graphs read `interrupt([request])[0]`; a graph that sends a bare
request and reads no `[0]` gets it bare. Argument types are kept, where the Inbox itself turns them into text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hitl_core.errors import DigestMismatch, NotCanonical
from hitl_core.protocol import Answer, Approve, Decision, Edit, Json, Kind, PauseRequest, Reject, Reply
from hitl_core.protocol import parse as parse_json

from ..errors import not_told
from .inference import Unclear
from .langchain import SchemaOf
from .pause import Lifted, NativePause

_FLAGS: Final = (
    ("allow_accept", Reply.APPROVE),
    ("allow_edit", Reply.EDIT),
    ("allow_respond", Reply.ANSWER),
)


def request_in(value: Json) -> dict[str, Any] | None:
    """The one request in a payload: bare, in a list of one, or as JSON text of either."""
    if isinstance(value, str) and "action_request" in value:
        try:
            value = parse_json(value)
        except NotCanonical:
            return None
    found = value[0] if isinstance(value, list) and value else value
    if not isinstance(found, dict) or not isinstance(found.get("config"), dict):
        return None
    action = found.get("action_request")
    plain = isinstance(action, dict) and isinstance(action.get("action"), str) and isinstance(action.get("args"), dict)
    return found if plain else None


def lift_inbox(pause: NativePause, schema_of: SchemaOf, *, indexed: bool | None) -> tuple[Lifted, ...]:
    """Raises Unclear for a list of several requests: the protocol has one answer, which covers only the first."""
    if isinstance(pause.value, list) and len(pause.value) > 1:
        raise Unclear("it holds several Agent Inbox requests, and the protocol answers only the first")
    request = request_in(pause.value)
    assert request is not None
    config, action = request["config"], request["action_request"]
    allowed = [reply for flag, reply in _FLAGS if config.get(flag)]
    if config.get("allow_ignore") or config.get("allow_respond"):
        allowed.append(Reply.REJECT)
    if not allowed:
        raise Unclear("its config allows no answer")
    tool, arguments = str(action["action"]), dict(action["args"])
    codec: dict[str, Json] = {
        "codec": "inbox",
        "version": 1,
        "tool": tool,
        "allowed": [reply.value for reply in allowed],
        "ignore": bool(config.get("allow_ignore")),
        "list": isinstance(pause.value, list) or pause.value.__class__ is str if indexed is None else indexed,
        "response_schema": pause.response_schema,
    }
    return (
        Lifted(
            index=0,
            kind=Kind.APPROVAL,
            tool=tool,
            arguments=arguments,
            title=f"{tool} needs approval",
            allowed=tuple(allowed),
            codec=codec,
            answer_schema={"type": "string"},
            arguments_schema=schema_of(tool),
            message=str(request.get("description") or ""),
        ),
    )


def lower_inbox(request: PauseRequest, decision: Decision, codec: Mapping[str, Any]) -> Json:
    """`HumanResponse`, in a list of one unless the code reads it bare."""
    if request.action.tool != codec["tool"]:
        raise DigestMismatch(f"the answer is for {request.action.tool!r}, and {codec['tool']!r} waits in its place")
    if decision.type not in codec["allowed"]:
        raise not_told(decision, codec["allowed"])
    made = _response(request, decision, codec)
    return [made] if codec["list"] else made


def _response(request: PauseRequest, decision: Decision, codec: Mapping[str, Any]) -> dict[str, Json]:
    tool = str(codec["tool"])
    match decision:
        case Approve():
            return {"type": "accept", "args": {"action": tool, "args": dict(request.action.arguments)}}
        case Edit(arguments=arguments):
            return {"type": "edit", "args": {"action": tool, "args": arguments}}
        case Answer(value=str() as value):
            return {"type": "response", "args": value}
        case Reject(message=message):
            if codec["ignore"]:  # the code's own word for it; the reason stays in our record
                return {"type": "ignore", "args": None}
            return {"type": "response", "args": f"Rejected by a reviewer. {message}".strip()}
        case _:
            raise not_told(decision, codec["allowed"], why="the response must be text")

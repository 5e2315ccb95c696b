"""What is traced: every span with its attributes. None of them is what an agent or a person has said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

TRACEPARENT: Final = "traceparent"
"""The field of a run and of a request that says in which trace it was made, as W3C Trace Context writes it."""

RUN_SPAN: Final = "hitl.run"
TURN_SPAN: Final = "invoke_agent"
REQUEST_SPAN: Final = "hitl.request"
DECIDE_SPAN: Final = "hitl.decide"
EXPIRE_SPAN: Final = "hitl.expire"
TOOL_SPAN: Final = "execute_tool"

OPERATION: Final = "gen_ai.operation.name"
AGENT: Final = "gen_ai.agent.name"
CONVERSATION: Final = "gen_ai.conversation.id"
TOOL: Final = "gen_ai.tool.name"
TOOL_CALL: Final = "gen_ai.tool.call.id"
ERROR: Final = "error.type"
RUN_ID: Final = "hitl.run.id"
BACKEND: Final = "hitl.backend"
TURN_NUMBER: Final = "hitl.turn"
TURN_OUTCOME: Final = "hitl.turn.outcome"
REQUEST_ID: Final = "hitl.request.id"
KIND: Final = "hitl.request.kind"
LEVEL: Final = "hitl.request.level"
RULE: Final = "hitl.policy.rule"
DECISION_TYPE: Final = "hitl.decision"
EFFECT_MODE: Final = "hitl.effect.mode"
EFFECT_STATE: Final = "hitl.effect.state"


@dataclass(frozen=True, slots=True)
class SpanKind:
    """One kind of span: its full name, the parent, what it links to, and its attributes."""

    called: str
    kind: str
    says: str
    parent: str
    links: str
    attributes: tuple[str, ...]


SPANS: Final[Mapping[str, SpanKind]] = {
    RUN_SPAN: SpanKind(
        "hitl.run",
        "producer",
        "a run was opened; its context is kept with the run",
        "what is under way where it was started",
        "",
        (RUN_ID, BACKEND, AGENT, CONVERSATION),
    ),
    TURN_SPAN: SpanKind(
        "invoke_agent AGENT",
        "internal",
        "a turn of the run: from the start or a pause to the next pause or the end",
        "hitl.run",
        "the requests whose answers it goes on with; what is under way where it is driven",
        (OPERATION, AGENT, CONVERSATION, RUN_ID, BACKEND, TURN_NUMBER, TURN_OUTCOME, ERROR),
    ),
    TOOL_SPAN: SpanKind(
        "execute_tool TOOL",
        "internal",
        "an action that was let through, from the last check before it to its outcome",
        "what is under way: the turn, or a span of the framework in it",
        "",
        (OPERATION, TOOL, TOOL_CALL, RUN_ID, REQUEST_ID, EFFECT_MODE, EFFECT_STATE, ERROR),
    ),
    REQUEST_SPAN: SpanKind(
        "hitl.request KIND",
        "producer",
        "a request was opened; its context is kept with the request",
        "the turn that has paused",
        "",
        (REQUEST_ID, RUN_ID, KIND, LEVEL, RULE, TOOL),
    ),
    DECIDE_SPAN: SpanKind(
        "hitl.decide",
        "consumer",
        "somebody has answered",
        "hitl.request",
        "what is under way where the answer was taken",
        (REQUEST_ID, RUN_ID, KIND, LEVEL, DECISION_TYPE, ERROR),
    ),
    EXPIRE_SPAN: SpanKind(
        "hitl.expire",
        "consumer",
        "a deadline has passed",
        "hitl.request",
        "",
        (REQUEST_ID, RUN_ID, KIND, LEVEL),
    ),
}

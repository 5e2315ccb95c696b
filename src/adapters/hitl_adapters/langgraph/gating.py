"""Tool calls through the gate: a middleware for `create_agent`, a wrapper for `ToolNode`, a decorator for nodes.

LangGraph runs a node again from its first line on every resume, so the wrapper asks the gate each time and never
looks at the value that `interrupt()` returns: it only means "look again". With one ToolNode task for several calls
the framework hands an answer to whichever call reaches `interrupt()` first (langgraph#6533); asking again closes that.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, cast

from langchain.agents.middleware import AgentMiddleware
from langchain_core.messages import ToolMessage, message_to_dict, messages_from_dict
from langchain_core.tools import BaseTool
from langgraph.config import get_config
from langgraph.errors import GraphBubbleUp
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command, interrupt
from pydantic import BaseModel, ValidationError

from hitl_core.contracts import Turn
from hitl_core.errors import EffectRefused, LeaseLost, NoRun, RecordError
from hitl_core.gate import Form, Gate
from hitl_core.protocol import (
    Action,
    Arguments,
    EffectMode,
    Executed,
    Failed,
    Json,
    Kind,
    Option,
    Origin,
    Outcome,
    Proceed,
    Refuse,
    Substitute,
    Verdict,
    Wait,
    canonical,
    sha256,
)
from hitl_core.tools import Tool, as_json, tool

from .mapping import envelope

Result = ToolMessage | Command[Any]

MARK: Final = "__hitl_gated__"
"""Attribute of a node function or wrapper whose tools all go through the gate."""


class Halt(GraphBubbleUp):
    """Stops the graph at once: our claim ended or a stop is in force. Not an error that a tool message could hide."""


@dataclass(slots=True)
class Current:
    """The turn that drives the graph now, and how often each name was called in each attempt of a node."""

    turn: Turn
    attempts: dict[int, tuple[object, Counter[str]]] = field(default_factory=dict)

    @property
    def gate(self) -> Gate:
        return self.turn.gate

    def place(self, config: Mapping[str, Any], name: str) -> str:
        """The place of the next call of `name` in this attempt of a node: a retried node counts from one again.

        LangGraph gives every attempt a scratchpad of its own (pregel/_retry.py); it is kept so that its id stays
        taken.
        """
        attempt = config.get("__pregel_scratchpad")
        _, counts = self.attempts.setdefault(id(attempt), (attempt, Counter()))
        counts[name] += 1
        return f"{config.get('checkpoint_ns', '')}/{name}#{counts[name]}"


_current: ContextVar[Current | None] = ContextVar("hitl_langgraph_turn", default=None)


@contextmanager
def driving(turn: Turn) -> Iterator[None]:
    """Make `turn` the one that gated calls of the graph belong to."""
    token = _current.set(Current(turn))
    try:
        yield
    finally:
        _current.reset(token)


def current(what: str) -> Current:
    """The turn that drives this graph. Raises NoRun if the graph was invoked without us: nobody could approve."""
    found = _current.get()
    if found is None:
        raise NoRun(f"{what} is gated and its graph was invoked directly; start it with hitl.start(…) or `hitl run`")
    return found


# ── one tool call ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Proposal:
    """A tool call of the model as the gate sees it."""

    action: Action
    call: str
    form: Form
    tool_call_id: str


class OversightMiddleware(AgentMiddleware[Any, Any, Any]):
    """Every tool call of a `create_agent` agent goes through the gate. Put it last, so that it is next to the tool."""

    def __init__(self, agent: str | None = None) -> None:
        super().__init__()
        self.agent = agent

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result]) -> Result:
        return gate_tool_call(request, handler, agent=self.agent)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]]
    ) -> Result:
        return await agate_tool_call(request, handler, agent=self.agent)


def gated_tool_node(tools: list[Any], **options: Any) -> ToolNode:
    """A ToolNode whose tools all go through the gate; `options` are ToolNode's own."""
    return ToolNode(tools, wrap_tool_call=gate_tool_call, awrap_tool_call=agate_tool_call, **options)


def gate_tool_call(
    request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result], *, agent: str | None = None
) -> Result:
    """The wrapper for graphs that run in threads (`invoke`)."""
    now = current(request.tool_call["name"])
    fault = argument_fault(request)
    if fault is not None:
        return fault
    try:
        proposal = propose_call(now, request, agent)
        verdict = settle(now, proposal)
        if not isinstance(verdict, Proceed):
            return answer(request, verdict)
        neutral = now.gate.catalogue.tool(proposal.action.tool)
        if neutral is not None and neutral.traits.mode is EffectMode.TRANSACTIONAL:
            step = now.gate.carry_out_in_store(verdict, neutral.run_in)
            return said(request, now.gate.blocking(step), verdict.note)
        with now.gate.carry_out(verdict, suspends=(GraphBubbleUp,)) as effect:
            result = handler(with_arguments(request, effect.arguments))
            effect.outcome = outcome_of(result)
        return noted(result, verdict.note)
    except (LeaseLost, EffectRefused) as exc:
        raise Halt(str(exc)) from exc
    except RecordError as exc:
        return refused(request, f"This call cannot be shown to anybody, so it did not run: {exc}")


async def agate_tool_call(
    request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]], *, agent: str | None = None
) -> Result:
    """The wrapper for graphs that run on the event loop (`ainvoke`)."""
    now = current(request.tool_call["name"])
    fault = argument_fault(request)
    if fault is not None:
        return fault
    try:
        proposal = propose_call(now, request, agent)
        verdict = await asettle(now, proposal)
        if not isinstance(verdict, Proceed):
            return answer(request, verdict)
        neutral = now.gate.catalogue.tool(proposal.action.tool)
        if neutral is not None and neutral.traits.mode is EffectMode.TRANSACTIONAL:
            made = await now.gate.carry_out_in_store(verdict, neutral.run_in)
            return said(request, made, verdict.note)
        async with now.gate.carry_out(verdict, suspends=(GraphBubbleUp,)) as effect:
            result = await handler(with_arguments(request, effect.arguments))
            effect.outcome = outcome_of(result)
        return noted(result, verdict.note)
    except (LeaseLost, EffectRefused) as exc:
        raise Halt(str(exc)) from exc
    except RecordError as exc:
        return refused(request, f"This call cannot be shown to anybody, so it did not run: {exc}")


async def asettle(now: Current, proposal: Proposal) -> Verdict:
    """The gate's verdict; while nobody has decided, the graph is interrupted here."""
    while isinstance(verdict := await _propose(now, proposal), Wait):
        interrupt(envelope(now.turn.run.id, proposal.call))
    return verdict


def settle(now: Current, proposal: Proposal) -> Verdict:
    """As `asettle`, from a worker thread."""
    while isinstance(verdict := now.gate.blocking(_propose(now, proposal)), Wait):
        interrupt(envelope(now.turn.run.id, proposal.call))
    return verdict


async def _propose(now: Current, proposal: Proposal) -> Verdict:
    return await now.gate.propose(proposal.action, call=proposal.call, form=proposal.form)


def propose_call(now: Current, request: ToolCallRequest, agent: str | None) -> Proposal:
    """A tool call as a proposal. Its place is the task it runs in and the model's call id: stable over restarts."""
    call = request.tool_call
    neutral = now.gate.catalogue.tool(call["name"])
    namespace = request.runtime.config.get("configurable", {}).get("checkpoint_ns", "")
    action = Action(
        tool=call["name"],
        arguments=cast("Arguments", call["args"]),
        definition=neutral.definition if neutral else definition_of(request.tool),
        origin=Origin(agent=agent, path=lineage(namespace)),
    )
    place = f"{namespace}/{call['id']}"
    return Proposal(action, place, form_of(neutral, request.tool, action), call["id"] or "")


def lineage(namespace: str) -> tuple[str, ...]:
    """The nodes from the root graph down to the one that acts: `sub:<task>|tools:<task>` → ("sub", "tools")."""
    return tuple(part.partition(":")[0] for part in namespace.split("|") if part)


def form_of(neutral: Tool | None, native: BaseTool | None, action: Action) -> Form:
    """How the request of a tool call looks."""
    if neutral is None:
        return Form(arguments_schema=schema_of(native))
    if neutral.kind is Kind.APPROVAL:
        return Form(arguments_schema=neutral.schema)
    title = action.arguments.get("question")
    return Form(
        kind=neutral.kind,
        title=title if isinstance(title, str) else neutral.description,
        options=neutral.options or offered(action.arguments.get("options")),
    )


def offered(options: Json) -> tuple[Option, ...]:
    """The options that an agent made up itself."""
    return tuple(Option(id=str(option)) for option in options) if isinstance(options, list) else ()


def schema_of(native: BaseTool | None) -> dict[str, Json] | None:
    """JSON Schema of a LangChain tool's arguments as the model sees them, or None if it has none."""
    if native is None:
        return None
    schema = native.tool_call_schema
    if isinstance(schema, dict):
        return cast("dict[str, Json]", schema)
    return cast("dict[str, Json]", schema.model_json_schema()) if issubclass(schema, BaseModel) else None


def definition_of(native: BaseTool | None) -> str | None:
    """Digest of a LangChain tool's definition: changes when the tool is redefined."""
    if native is None:
        return None
    return sha256(canonical({"name": native.name, "description": native.description, "schema": schema_of(native)}))


def argument_fault(request: ToolCallRequest) -> ToolMessage | None:
    """The error message for arguments that the tool would not take: nobody is asked about such a call."""
    schema = schema_of(request.tool)
    if request.tool is None:
        return refused(request, f"There is no tool {request.tool_call['name']!r}; nothing was run.")
    model = request.tool.tool_call_schema
    if schema is None or isinstance(model, dict):
        return None
    try:
        model.model_validate(request.tool_call["args"])
    except ValidationError as exc:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in exc.errors())
        return refused(
            request, f"The arguments are invalid, so nothing was run: {faults}. Correct them and call again."
        )
    return None


# ── messages back to the model ───────────────────────────────────────────────────────────────────────────────


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


def answer(request: ToolCallRequest, verdict: Refuse | Substitute | Wait | Proceed) -> Result:
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


# ── functions called inside plain nodes ──────────────────────────────────────────────────────────────────────


def gated(function: Callable[..., Any] | Tool | None = None, /, **traits: Any) -> Any:
    """Gate a function that a node calls itself. It raises Refused if the answer is no; `traits` as for `tool`."""
    if function is None:
        return functools.partial(gated, **traits)
    declared = function if isinstance(function, Tool) else tool(**traits)(function)
    made = cast("Callable[..., Any]", declared.function)
    if inspect.iscoroutinefunction(made):

        @functools.wraps(made)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            now, proposal = _propose_function(declared, args, kwargs)
            verdict = await asettle(now, proposal)
            if not isinstance(verdict, Proceed):
                return _result_or_refusal(verdict)
            async with now.gate.carry_out(verdict, suspends=(GraphBubbleUp,)) as effect:
                result = await declared.run(effect.arguments)
                effect.outcome = Executed(result)
            return result

        return guarded

    @functools.wraps(made)
    def guarded_sync(*args: Any, **kwargs: Any) -> Any:
        now, proposal = _propose_function(declared, args, kwargs)
        verdict = settle(now, proposal)
        if not isinstance(verdict, Proceed):
            return _result_or_refusal(verdict)
        with now.gate.carry_out(verdict, suspends=(GraphBubbleUp,)) as effect:
            result = as_json(made(**declared.typed(effect.arguments)))
            effect.outcome = Executed(result)
        return result

    return guarded_sync


class Refused(Exception):
    """The gate refused a call inside a node; the message says why. The function did not run."""


def _result_or_refusal(verdict: Verdict) -> Json:
    if isinstance(verdict, Substitute):
        return verdict.result
    raise Refused(verdict.text if isinstance(verdict, Refuse) else "nobody has decided")


def _propose_function(declared: Tool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Current, Proposal]:
    now = current(declared.name)
    now.gate.catalogue.learn(declared)
    config = get_config().get("configurable", {})
    place = now.place(config, declared.name)
    bound = inspect.signature(cast("Callable[..., Any]", declared.function)).bind(*args, **kwargs)
    arguments = cast("Arguments", as_json(dict(bound.arguments)))
    origin = Origin(path=lineage(config.get("checkpoint_ns", "")))
    action = Action(tool=declared.name, arguments=arguments, definition=declared.definition, origin=origin)
    return now, Proposal(action, place, form_of(declared, None, action), "")

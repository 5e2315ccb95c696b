"""One tool call through the gate. CrewAI itself never runs a tool inside a run of ours: its hooks fail open.

the hook ─► propose ─► Proceed: begin · the tool, here · report ─┐
                    ├─► Refuse, Substitute: a text ───────────────┼─► the hook blocks CrewAI's own call, and
                    └─► Wait: the task stops at its next model call ┘   hands this text out as its result
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, assert_never, cast

from crewai.hooks.tool_hooks import ToolCallHookContext
from crewai.tools import BaseTool
from crewai.tools.agent_tools.base_agent_tools import BaseAgentTool
from crewai.tools.tool_failure import detect_tool_failure
from crewai.utilities.agent_utils import format_native_tool_output_for_agent
from pydantic import BaseModel

from hitl_core.errors import RecordError, ResultNotKept, Stopped
from hitl_core.gate import tried, unchecked
from hitl_core.protocol import (
    Action,
    EffectMode,
    Executed,
    Failed,
    Json,
    Origin,
    Outcome,
    Proceed,
    Refuse,
    Substitute,
    Verdict,
    Wait,
)
from hitl_core.tools import Tool, as_json

from ..mapping import argument_fault, definition_of, role_of, said, tool_form
from ..suspend import Current, Suspended, scope, within
from ..suspend.threads import off_loop
from .steps import gates
from .words import spoken

NEUTRAL: Final = "hitl_tool"
"""Attribute of a CrewAI tool that was built from a neutral one."""

HANDS_DOWN: Final = "hitl_hands_down"
"""Attribute of a tool that only hands work to an agent: what that agent does is gated call by call."""

WAITING: Final = "A person is being asked about this call."


@dataclass(frozen=True, slots=True)
class Result:
    """What a call came to: the text for the model, and whether the tool itself gave it."""

    text: str
    own: bool = False


asked_as: ContextVar[str | None] = ContextVar("hitl_crewai_call_id", default=None)
"""The id that the model gave the call which is under way in this context."""


def through_the_gate(now: Current, context: ToolCallHookContext) -> Result:
    """Propose the call, and carry it out here if it may run. Raises what the gate raises."""
    tool: Any = context.tool
    if tool is None:  # a name that the model made up
        return Result(f"There is no tool {context.tool_name!r}; nothing was run.")
    native = _native(context)
    if isinstance(native, BaseAgentTool) or getattr(native, HANDS_DOWN, False):
        return _hand_down(now, context, native)
    neutral: Tool | None = getattr(native, NEUTRAL, None)
    try:
        return _decide(now, context, native, neutral)
    except ResultNotKept as exc:
        return Result(tried(str(exc)))
    except RecordError as exc:
        return Result(unchecked(exc))


def _decide(now: Current, context: ToolCallHookContext, native: Any, neutral: Tool | None) -> Result:
    action = action_of(context, native, neutral)
    place = now.reserved(asked_as.get(), context.tool_name, cast("Json", action.arguments))
    client = neutral is not None and neutral.client
    fault = argument_fault(_schema(native), dict(context.tool_input), client=client) or _used_up(native)
    if fault and now.blocking(now.gate.settled(place)) is None:
        now.called(place, action.tool, action.arguments)
        now.came(place, fault)
        return Result(fault)
    now.reach(place)
    if method := scope().method:
        now.once(gates(method), True)
    form = spoken(tool_form(neutral, action, _json_schema(native)), now, action.origin.agent, place)
    verdict = now.blocking(now.gate.propose(action, call=place, form=form))
    now.called(place, action.tool, action.arguments)
    result = _obey(now, native, neutral, verdict, place, action)
    if result.text is not WAITING:
        now.came(place, result.text)
    return result


def _obey(now: Current, native: Any, neutral: Tool | None, verdict: Verdict, place: str, action: Action) -> Result:
    match verdict:
        case Wait():
            now.wait_at(place)
            return Result(WAITING)
        case Refuse(text=text):
            now.use(place)
            return Result(_same_words(now, place, text))
        case Substitute(result=result, note=note, recorded=recorded):
            now.use(place)
            if recorded:
                _count_use(native)
            return Result(said(result, note), own=recorded)
        case Proceed():
            return _carry_out(now, native, neutral, verdict, action.origin.agent)
        case _:
            assert_never(verdict)


def _same_words(now: Current, place: str, text: str) -> str:
    """The words in which a refusal was first told: the model is asked the same whenever the crew runs again."""
    return str(now.once(f"told:{place}", text))


# ── carrying out ─────────────────────────────────────────────────────────────────────────────────────────────


def _carry_out(now: Current, native: Any, neutral: Tool | None, allowed: Proceed, agent: str | None) -> Result:
    if neutral is not None and neutral.traits.mode is EffectMode.TRANSACTIONAL:
        return _carry_out_in_store(now, neutral, allowed)
    outcome: Outcome | None = None
    suspends = (Suspended, Stopped)
    with _paused_inside(now, allowed.call) as paused, now.gate.carry_out(allowed, suspends=suspends) as effect:
        with within(scope().inside(allowed.call, agent)):
            outcome = _run(now, native, neutral, effect.arguments)
            if now.waits_inside():  # whatever the tool made of that
                raise Suspended
        effect.outcome = outcome
    if paused or outcome is None:
        return Result(WAITING)
    if isinstance(outcome, Failed):
        return Result(_same_words(now, allowed.call, tried(outcome.error)))
    return Result(said(outcome.result, allowed.note), own=True)


@contextmanager
def _paused_inside(now: Current, place: str) -> Iterator[list[str]]:
    """A tool that paused inside begins again when that is answered."""
    paused: list[str] = []
    try:
        yield paused
    except Suspended:
        paused.append(place)
    except Stopped as exc:
        now.halt(exc)
        paused.append(place)


def _run(now: Current, native: Any, neutral: Tool | None, arguments: dict[str, Any]) -> Outcome:
    """Call the tool. What it raises is its outcome; a pause of something inside it is not."""
    try:
        if neutral is not None:
            return Executed(now.blocking(neutral.run(arguments)))
        raw = off_loop(lambda: _call(native, arguments))
        failure = detect_tool_failure(raw)
        if failure is not None:
            return Failed(failure.message[:4000])
        return Executed(as_json(format_native_tool_output_for_agent(native, raw)))
    except (Suspended, Stopped):
        raise
    except ResultNotKept as exc:
        return Failed(str(exc))
    except Exception as exc:
        return Failed(f"{type(exc).__name__}: {exc}"[:4000])


def _call(native: Any, arguments: dict[str, Any]) -> Any:
    return native.run(**arguments) if isinstance(native, BaseTool) else native.invoke(arguments)


def _carry_out_in_store(now: Current, neutral: Tool, allowed: Proceed) -> Result:
    try:
        done = now.blocking(now.gate.carry_out_in_store(allowed, neutral.run_in))
    except RuntimeError as exc:
        return Result(_same_words(now, allowed.call, tried(str(exc))))
    return Result(said(done, allowed.note), own=True)


def _hand_down(now: Current, context: ToolCallHookContext, native: Any) -> Result:
    """Delegation: it has no effect of its own, so it runs again on a resume, and its agent's answers are remembered."""
    arguments = cast("dict[str, Json]", as_json(dict(context.tool_input)))
    place = now.reserved(asked_as.get(), context.tool_name, arguments)
    now.called(place, context.tool_name, arguments)
    with within(scope().inside(place, role_of(context.agent))):
        result = _handed_down(now, context, native)
    if result.text is not WAITING:
        now.came(place, result.text)
    return result


def _handed_down(now: Current, context: ToolCallHookContext, native: Any) -> Result:
    try:
        made = off_loop(lambda: _call(native, dict(context.tool_input)))
        if now.waits_inside():
            raise Suspended
    except Suspended:
        return Result(WAITING)
    except Exception as exc:
        return Result(tried(f"{type(exc).__name__}: {exc}"))
    return Result(format_native_tool_output_for_agent(native, made), own=True)


# ── what is known about a call ───────────────────────────────────────────────────────────────────────────────


def action_of(context: ToolCallHookContext, native: Any, neutral: Tool | None) -> Action:
    """A call as people see it. Raises RecordError for arguments that have no JSON form."""
    role = role_of(context.agent)
    origin = Origin(agent=role, path=(*scope().agents, role) if role else scope().agents)
    name = neutral.name if neutral is not None else context.tool_name
    definition = (
        neutral.definition
        if neutral is not None
        else definition_of(name, str(native.description), _json_schema(native))
    )
    return Action(tool=name, arguments=_plain(context.tool_input), definition=definition, origin=origin)


def _plain(arguments: dict[str, Any]) -> dict[str, Json]:
    try:
        return cast("dict[str, Json]", as_json(dict(arguments)))
    except (TypeError, ValueError) as exc:
        raise RecordError(f"these arguments are not JSON: {exc}") from exc


def _native(context: ToolCallHookContext) -> Any:
    return getattr(context.tool, "_original_tool", None) or context.tool


def _schema(native: Any) -> type[BaseModel] | None:
    found = getattr(native, "args_schema", None)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _json_schema(native: Any) -> dict[str, Json] | None:
    model = _schema(native)
    return None if model is None else cast("dict[str, Json]", model.model_json_schema())


def _used_up(native: Any) -> str:
    most, used = getattr(native, "max_usage_count", None), getattr(native, "current_usage_count", 0)
    if most is None or used < most:
        return ""
    return f"This tool has reached its usage limit of {most} and cannot be used anymore; nothing was run."


def _count_use(native: Any) -> None:
    """A call that is answered from the record counts as a use, as it did when it ran."""
    if isinstance(native, BaseTool):
        native.current_usage_count += 1


Later = Callable[[ToolCallHookContext], Any]


def vetoed(context: ToolCallHookContext, later: list[Later]) -> str:
    """The app's own hooks that come after ours are asked before anything runs; "" if none objects. Raises Suspended."""
    for hook in later:
        try:
            answer = hook(context)
        except Suspended:
            raise
        except Exception as exc:
            return f"A hook of the app stopped this call, so nothing was run: {exc}"
        if answer is False:
            return "A hook of the app stopped this call, so nothing was run."
    return ""

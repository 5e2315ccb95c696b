"""One set of hooks per process. They look up the current run, do nothing outside one, and let no error through.

CrewAI's own rules (hooks/dispatch.py): an error in a hook is dropped and the tool runs; anything but `False` lets it
run. So ours answers `False` to every call inside a run, and the text of the result goes through POST_TOOL_CALL.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final, cast

from crewai.agents import agent_executor, step_executor
from crewai.agents.agent_executor import AgentExecutor
from crewai.hooks.dispatch import HookFn, InterceptionPoint, get_global_hook_list, get_scoped_hooks
from crewai.task import Task
from crewai.tools.tool_failure import ToolFailure
from crewai.tools.tool_types import ToolResult
from crewai.utilities.agent_utils import extract_tool_call_info
from pydantic import BaseModel

from hitl_core.gate import HALTED, unchecked
from hitl_core.protocol import Json
from hitl_core.tools import as_json

from ..suspend import Current, Suspended, carry_into_threads, current, journal_memories, scope, seam, watch_models
from ..suspend.models import before_model_call
from ..suspend.places import enter
from .callbacks import hold_callbacks, oversee_callbacks
from .flows import method_begins
from .questions import lift_questions
from .strangers import refused_outside
from .tools import WAITING, Result, asked_as, through_the_gate, vetoed

log = logging.getLogger("hitl_core")

_results: dict[int, Result] = {}
"""What the call with this very argument dict came to; CrewAI hands the same dict to both hooks."""

_last: ContextVar[Result | None] = ContextVar("hitl_crewai_last_result", default=None)


# ── tools ────────────────────────────────────────────────────────────────────────────────────────────────────


def before_tool(context: Any) -> bool | None:
    """Let nothing run but what the gate lets through, and that here."""
    now = current()
    if now is None:
        return _outside(context)
    try:
        result = _gated(now, context)
    except BaseException as exc:  # whatever it is: to CrewAI it would mean that the tool may run
        log.warning("run %s: ends in a call of %s", now.turn.run.id, context.tool_name, exc_info=exc)
        now.halt(exc)
        result = Result(HALTED)
    return _blocked(context, result)


def _outside(context: Any) -> bool | None:
    try:
        why = refused_outside(context)
    except Exception as exc:  # to CrewAI it would mean that the tool may run
        why = unchecked(exc)
    if why:
        return _blocked(context, Result(why))
    _results.pop(id(context.tool_input), None)  # of a call that CrewAI gave up half-way, whose dict is gone
    return None


def _blocked(context: Any, result: Result) -> bool:
    """CrewAI does not run the call; this is its result."""
    _results[id(context.tool_input)] = result
    _last.set(result)
    return False


def _gated(now: Current, context: Any) -> Result:
    if now.over or now.failure is not None:
        log.warning("run %s: %s was called when its turn had ended, and not run", now.turn.run.id, context.tool_name)
        return Result("This run has ended, so nothing was run.")
    if now.is_lost(scope().path):
        return Result("Another branch of this flow was first, so nothing was run.")
    try:
        veto = vetoed(context, _later(before_tool, InterceptionPoint.PRE_TOOL_CALL))
    except Suspended:
        return Result(WAITING)
    return Result(veto) if veto else through_the_gate(now, context)


def after_tool(context: Any) -> str | None:
    """The text of a call that went through us."""
    result = _results.pop(id(context.tool_input), None)
    return None if result is None else result.text


def _later(ours: HookFn, point: InterceptionPoint) -> list[HookFn]:
    """The app's hooks that come after ours; a block of ours would keep CrewAI from asking them."""
    all_ = get_global_hook_list(point)
    after = all_[all_.index(ours) + 1 :] if ours in all_ else []
    return [*after, *get_scoped_hooks(point)]


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────


def before_step(context: Any) -> None:
    """A task or a flow method begins: from here on, places lie in it. Raises Suspended if this turn has ended."""
    now = current()
    if now is None:
        return
    if now.over or now.failure is not None:
        now.check()
    if context.kind == "task":
        enter(scope().at(_task_name(context)))
        oversee_callbacks(context.task)
    else:
        method_begins(now, context.flow, str(context.step_name))
    now.enters(str(context.step_name))
    _show_state(now, context)


def after_step(context: Any) -> None:
    """What waits inside a step keeps it from ending: a blocked tool must not become its output. Raises Suspended."""
    now = current()
    if now is not None:
        now.check(scope().path if context.kind == "task" else scope().base)
        _show_state(now, context)


def _show_state(now: Current, context: Any) -> None:
    """A flow's state is told as each of its methods finds and leaves it; what has no JSON form is not."""
    if not now.turn.watched or context.kind == "task":
        return
    state = context.flow.state
    with suppress(TypeError, ValueError):
        shown = as_json(state.model_dump(mode="json") if isinstance(state, BaseModel) else dict(state))
        now.shows(cast("dict[str, Json]", shown))


def _task_name(context: Any) -> str:
    task = context.task
    crew = getattr(context.agent, "crew", None)
    tasks = list(getattr(crew, "tasks", ()) or ())
    number = next((index for index, each in enumerate(tasks) if each is task), 0)
    return f"{number}.{str(task.key)[:8]}"


# ── holding on ───────────────────────────────────────────────────────────────────────────────────────────────


_HOOKS: Final[dict[InterceptionPoint, HookFn]] = {
    InterceptionPoint.PRE_TOOL_CALL: before_tool,
    InterceptionPoint.PRE_STEP: before_step,
    InterceptionPoint.POST_STEP: after_step,
}

_lock = threading.Lock()


def stay_installed() -> None:
    """Put our hooks back if the app has cleared them: before each kickoff and at each model call.

    The result comes first after a tool, so that the app's own hooks see what the tool really gave.
    """
    with _lock:
        for point, hook in _HOOKS.items():
            hooks = get_global_hook_list(point)
            if hook not in hooks:
                hooks.append(hook)
        after = get_global_hook_list(InterceptionPoint.POST_TOOL_CALL)
        if after_tool not in after:
            after.insert(0, after_tool)


def install() -> None:
    """Register everything, once per process."""
    stay_installed()
    if stay_installed not in before_model_call:
        before_model_call.append(stay_installed)
        watch_models()
    seam(AgentExecutor, "_execute_single_native_tool_call", _native_call)
    for module in (agent_executor, step_executor):
        seam(module, "execute_tool_and_check_finality", _text_call)
    seam(Task, "execute_async", _beside)
    hold_callbacks()
    lift_questions()
    carry_into_threads()
    journal_memories()


def _native_call(original: Any, executor: Any, tool_call: Any) -> Any:
    """A call in a model's batch: it is known by its id, and a refusal is never taken for the tool's answer."""
    if current() is None:
        return original(executor, tool_call)
    info = extract_tool_call_info(tool_call)
    token = asked_as.set(info[0] if info else None)
    _last.set(None)
    try:
        made = original(executor, tool_call)
    finally:
        asked_as.reset(token)
    result = _last.get()
    if result is not None and not result.own and made.get("tool_failure") is None:
        made["tool_failure"] = ToolFailure(message=result.text)  # else `result_as_answer` would end the task with it
    return made


def _text_call(original: Any, *args: Any, **kwargs: Any) -> Any:
    """A call that a model wrote as text: a blocked one never counts as final, and ours are all blocked."""
    if current() is None:
        return original(*args, **kwargs)
    _last.set(None)
    made = original(*args, **kwargs)
    result = _last.get()
    if result is None or not result.own:
        return made
    action, tools = kwargs["agent_action"], kwargs["tools"]
    return ToolResult(made.result, _is_final(action.tool, tools))


def _is_final(name: str, tools: Any) -> bool:
    from crewai.utilities.string_utils import sanitize_tool_name

    wanted = sanitize_tool_name(name)
    return any(tool.result_as_answer for tool in tools if sanitize_tool_name(tool.name) == wanted)


def _beside(original: Any, task: Any, *args: Any, **kwargs: Any) -> Any:
    """A task that runs beside others: the turn waits for it."""
    future = original(task, *args, **kwargs)
    now = current()
    if now is not None:
        now.futures.append(future)
    return future

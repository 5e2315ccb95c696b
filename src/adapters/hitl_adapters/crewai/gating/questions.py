"""What hooks of an app ask people (`context.request_human_input`), where CrewAI would wait at a terminal."""

from __future__ import annotations

from typing import Any, cast

from crewai.hooks.llm_hooks import LLMCallHookContext
from crewai.hooks.tool_hooks import ToolCallHookContext

from hitl_core.protocol import Answer, Json, Origin
from hitl_core.tools import as_json

from ..errors import Unanswered
from ..mapping import ask_form, hook_action, role_of
from ..suspend import Suspended, current, scope, seam
from .lifting import decided_at, proceeds


def lift_questions() -> None:
    """Hold on to how hooks ask, once per process."""
    seam(ToolCallHookContext, "request_human_input", _about_a_call)
    seam(LLMCallHookContext, "request_human_input", _about_a_model)


def _about_a_call(original: Any, context: Any, prompt: str, *args: Any, **kwargs: Any) -> str:
    """The call belongs to the question: an answer about one call is never taken for another one."""
    about = {"tool": context.tool_name, "arguments": as_json(dict(context.tool_input))}
    return _asked(original, context, prompt, about, *args, **kwargs)


def _about_a_model(original: Any, context: Any, prompt: str, *args: Any, **kwargs: Any) -> str:
    return _asked(original, context, prompt, {}, *args, **kwargs)


def _asked(original: Any, context: Any, prompt: str, about: dict[str, Json], *args: Any, **kwargs: Any) -> str:
    now = current()
    if now is None:
        return cast("str", original(context, prompt, *args, **kwargs))
    role = role_of(context.agent)
    origin = Origin(agent=role, path=(*scope().agents, role) if role else scope().agents)
    action = hook_action(prompt, about, origin)
    settled = decided_at(now, action, now.place("hook", cast("Json", action.arguments)), ask_form(prompt))
    decision = settled.response.decision if settled.response is not None else None
    if isinstance(decision, Answer):
        return str(decision.value)
    if proceeds(settled):
        return ""
    now.halt(Unanswered(f"nobody answered {prompt[:80]!r} ({settled.state}); resume with ask_again to ask anew"))
    raise Suspended

"""`Task(human_input=True)` of an unchanged crew: the draft is shown, accepted, edited or sent back, round by round."""

from __future__ import annotations

from typing import Any

from crewai.core.providers.human_input import SyncHumanInputProvider
from pydantic import BaseModel

from hitl_core.protocol import Accept, Edit, Origin, Revise

from ..errors import Unanswered
from ..mapping import review_action, review_form, role_of
from ..suspend import Current, Suspended, current, scope
from .lifting import decided_at, proceeds


class Reviews(SyncHumanInputProvider):
    """Stands in for CrewAI's console while a run of ours drives it."""

    def setup_messages(self, context: Any) -> bool:
        """An agent begins a task; after an error CrewAI lets it begin again, and nothing is to be done twice."""
        now = current()
        if now is not None:
            now.attempt(id(context.agent), getattr(context.agent, "_times_executed", 0))
        return False

    def handle_feedback(self, formatted_answer: Any, context: Any) -> Any:
        now = current()
        if now is None:
            return super().handle_feedback(formatted_answer, context)
        while (feedback := _feedback(now, formatted_answer, context)) is not None:
            context.messages.append(context._format_feedback_message(feedback))
            formatted_answer = context._invoke_loop()
        context.ask_for_human_input = False
        return formatted_answer

    async def handle_feedback_async(self, formatted_answer: Any, context: Any) -> Any:
        now = current()
        if now is None:
            return await super().handle_feedback_async(formatted_answer, context)
        while (feedback := _feedback(now, formatted_answer, context)) is not None:
            context.messages.append(context._format_feedback_message(feedback))
            formatted_answer = await context._ainvoke_loop()
        context.ask_for_human_input = False
        return formatted_answer


def _feedback(now: Current, answer: Any, context: Any) -> str | None:
    """What the reviewer wants changed, or None if the draft (perhaps edited by now) is good. Raises Suspended.

    Each round has a place of its own, so that earlier rounds are never asked again.
    """
    draft = SyncHumanInputProvider._get_output_string(answer)
    role = role_of(context.agent)
    origin = Origin(agent=role, path=(*scope().agents, role) if role else scope().agents)
    task = str(getattr(context.task, "description", ""))
    form = review_form(task, structured=isinstance(answer.output, BaseModel))
    settled = decided_at(now, review_action(draft, origin), now.place("review"), form)
    match settled.response.decision if settled.response is not None else None:
        case Revise(feedback=feedback):
            _show_draft(context, draft)
            return feedback
        case Edit(arguments=arguments):
            answer.output = answer.text = str(arguments["content"])
            return None
        case Accept():
            return None
        case _ if proceeds(settled):
            return None
        case _:
            error = f"nobody answered the review of {task[:80]!r} before its deadline ({settled.state})"
            now.halt(Unanswered(f"{error}; resume with ask_again to ask anew"))
            raise Suspended


def _show_draft(context: Any, draft: str) -> None:
    """The model must see what the feedback is about; CrewAI leaves it out unless the agent has native tools."""
    last = context.messages[-1] if context.messages else {}
    if last.get("role") == "assistant" and draft in str(last.get("content") or ""):
        return
    context.messages.append({"role": "assistant", "content": draft})

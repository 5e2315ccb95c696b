"""`Task(human_input=True)` of an unchanged crew: the draft is shown, accepted, edited or sent back, round by round."""

from __future__ import annotations

from typing import Any, cast

from crewai.core.providers.human_input import SyncHumanInputProvider
from pydantic import BaseModel

from hitl_core.errors import EffectRefused
from hitl_core.protocol import Origin, Proceed, Refuse, Substitute, Wait

from ..mapping import review_action, review_form
from ..suspend import Current, Suspended, current, scope
from .tools import role_of


class Unanswered(EffectRefused):
    """Nobody answered a review before its deadline, and CrewAI has no answer that would mean so."""


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
    """What the reviewer wants changed, or None if the draft (perhaps edited by now) is good. Raises Suspended."""
    now.check()
    draft = SyncHumanInputProvider._get_output_string(answer)
    said = _reviewed(now, draft, context, structured=isinstance(answer.output, BaseModel))
    if said["outcome"] == "edited":
        answer.output = answer.text = said["content"]
    if said["outcome"] != "revise":
        return None
    _show_draft(context, draft)
    return str(said["feedback"])


def _reviewed(now: Current, draft: str, context: Any, *, structured: bool) -> dict[str, Any]:
    """The decision about a draft. Each round has a place of its own, so that earlier rounds are never asked again."""
    place = now.place("review")
    now.reach(place)
    role = role_of(context.agent)
    origin = Origin(agent=role, path=(*scope().agents, role) if role else scope().agents)
    action = review_action(draft, origin)
    form = review_form(str(getattr(context.task, "description", "")), structured=structured)
    verdict = now.blocking(now.gate.propose(action, call=place, form=form))
    if not isinstance(verdict, Wait):
        now.heed(action)
    match verdict:
        case Wait():
            now.wait_at(place)
            raise Suspended
        case Substitute(result=result):
            now.use(place)
            return cast("dict[str, Any]", result)
        case Proceed():
            now.use(place)
            return {"outcome": "accepted", "content": draft, "feedback": ""}
        case Refuse(text=text):
            now.halt(Unanswered(f"the review of a task's result came to nothing: {text}"))
            raise Suspended


def _show_draft(context: Any, draft: str) -> None:
    """The model must see what the feedback is about; CrewAI leaves it out unless the agent has native tools."""
    last = context.messages[-1] if context.messages else {}
    if last.get("role") == "assistant" and draft in str(last.get("content") or ""):
        return
    context.messages.append({"role": "assistant", "content": draft})

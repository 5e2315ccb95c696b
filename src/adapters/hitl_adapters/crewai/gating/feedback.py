"""`@human_feedback` and `ask` of an unchanged flow: asked in its words, answered exactly, silence as it declares."""

from __future__ import annotations

from typing import Any

from crewai.flow.human_feedback import _resolve_llm_instance
from pydantic import PrivateAttr

from hitl_core.commands import Settled
from hitl_core.protocol import Accept, Answer, Choose, Origin, Revise
from hitl_core.tools import as_json

from ..errors import Unanswered
from ..mapping import ask_action, ask_form, feedback_action, feedback_form, shown
from ..suspend import Current, Suspended, scope
from ..suspend.models import ExactModel
from .lifting import decided_at, proceeds


class Chosen(ExactModel):
    """Says exactly what a person chose, where CrewAI would let a model guess it from their words."""

    _real: Any = PrivateAttr(default=None)
    _outcome: str | None = PrivateAttr(default=None)

    @classmethod
    def before(cls, real: Any) -> Chosen:
        made = cls(model="a-person")
        made._real = real
        return made

    def choose(self, outcome: str | None) -> None:
        self._outcome = outcome

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        shape = kwargs.get("response_model")
        if shape is not None and set(shape.model_fields) == {"outcome"}:
            return shape(outcome=self._outcome)
        return _resolve_llm_instance(self._real).call(messages, *args, **kwargs)

    def supports_function_calling(self) -> bool:
        return True


class Feedback:
    """Stands in for whatever the app, or CrewAI, would have asked people with."""

    def __init__(self, now: Current, model: Chosen) -> None:
        self._now, self._model = now, model

    def request_feedback(self, context: Any, flow: Any) -> str:
        """The words of a person, "" if they had none. Raises Suspended while nobody has decided."""
        action = feedback_action(context.method_name, shown(context.method_output), _origin(flow))
        form = feedback_form(context.message, context.emit)
        settled = decided_at(self._now, action, f"{scope().base}/feedback", form)
        decision = settled.response.decision if settled.response is not None else None
        match decision:
            case Choose(option=option):
                self._model.choose(option)
                return settled.response.reason or option if settled.response else option
            case Revise(feedback=feedback):
                return feedback
            case Accept():
                return ""
            case _:
                return self._unanswered(settled, context)

    def _unanswered(self, settled: Settled, context: Any) -> str:
        """Silence means what the flow declares; CrewAI itself would take the first outcome, often the approval."""
        if context.default_outcome or (proceeds(settled) and not context.emit):
            return ""
        error = f"nobody answered {context.method_name!r} and it declares no default_outcome ({settled.state})"
        self._now.halt(Unanswered(f"{error}; resume with ask_again to ask anew"))
        raise Suspended


async def ask_for_feedback(now: Current, original: Any, flow: Any, name: Any, definition: Any, output: Any) -> Any:
    """CrewAI's step after a method with `@human_feedback`, with us as its provider and the person as its model."""
    model = Chosen.before(definition.llm)
    ours = definition.model_copy(update={"provider": Feedback(now, model), "llm": model})
    return await original(flow, name, ours, output)


def ask(now: Current, flow: Any, message: str, metadata: Any) -> str | None:
    """`flow.ask`: CrewAI would make a pause out of here, like any error, into the answer None."""
    action = ask_action(message, as_json(metadata), _origin(flow))
    settled = decided_at(now, action, now.place("ask", message), ask_form(message))
    decision = settled.response.decision if settled.response is not None else None
    return str(decision.value) if isinstance(decision, Answer) else None


def _origin(flow: Any) -> Origin:
    return Origin(agent=type(flow).__name__, path=(type(flow).__name__,))

"""The app of a conformance scene in CrewAI: a crew from a spec, and unchanged flows that pause."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from pydantic import BaseModel

from hitl_core.testing.conformance import SpecKit, Stage

from .adapter import NAME
from .errors import keep_quiet, require_versions

_IMPORTED_AT_WORK: Final = (
    "hitl_core.stores.sqlite",
    "httpcore",
    "lance_namespace_urllib3_client",  # of a flow's memory, which starts a thread itself; this is most of its import
    "openai.resources",
)
"""What CrewAI imports when it works takes each process two seconds, unless it was forked from one that has it."""


class Kit(SpecKit):
    """Scenes as crews of one agent; native pauses as flows that ask."""

    backend = NAME

    def warm(self) -> None:
        """Import CrewAI before a process is forked; as soon as it works it has threads, and could not be."""
        keep_quiet()
        require_versions()
        import_module("hitl_adapters.crewai.building")
        for name in _IMPORTED_AT_WORK:
            with suppress(ImportError):  # then it does without
                import_module(name)

    def native(self, pause: str, stage: Stage) -> Any:
        """A flow whose one method asks, in the words of CrewAI's own documentation."""
        return {"approval": _asks_to_pay, "question": _asks_why}[pause](stage)


class _State(BaseModel):
    """What a flow is told."""

    task: str = ""


def _asks_to_pay(stage: Stage) -> Any:
    from crewai.flow.flow import Flow, listen, start
    from crewai.flow.human_feedback import HumanFeedbackResult, human_feedback

    class Desk(Flow[_State]):
        @start()
        @human_feedback(message="Pay back A-1042? Say what is wrong with it, or nothing.")
        def plan(self) -> str:
            return "40.5 EUR for A-1042"

        @listen(plan)
        def hear(self, result: HumanFeedbackResult) -> str:
            said = f"kept: {result.feedback}" if result.feedback else stage.pays("A-1042", 40.5)
            stage.hear(said)
            return said

    return Desk


def _asks_why(stage: Stage) -> Any:
    from crewai.flow.flow import Flow, listen, start

    class Desk(Flow[_State]):
        @start()
        def wonder(self) -> str:
            return f"because {self.ask('Why is it due?')}"

        @listen(wonder)
        def hear(self, said: str) -> str:
            stage.hear(said)
            return said

    return Desk

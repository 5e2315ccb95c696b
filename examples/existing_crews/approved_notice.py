"""A flow: a notice is drafted, a person says what becomes of it, and it is hung up, drafted again or thrown away."""

from __future__ import annotations

from crewai.flow.flow import Flow, listen, start
from crewai.flow.human_feedback import HumanFeedbackResult, human_feedback
from pydantic import BaseModel

from existing_crews.ledger import record


class Notice(BaseModel):
    """What is known about the notice."""

    topic: str = "the weather"
    drafts: int = 0


class NoticeFlow(Flow[Notice]):
    """CrewAI would ask a model what the person meant; a person's choice needs none."""

    @start("again")
    def draft(self) -> str:
        self.state.drafts += 1
        return f"Draft {self.state.drafts}: please mind {self.state.topic}."

    @human_feedback(message="Hang this up?", emit=["good", "again", "never"], llm="gpt-4o-mini")
    @listen(draft)
    def show(self, text: str) -> str:
        return text

    @listen("good")
    def hang_up(self, result: HumanFeedbackResult) -> str:
        record("hung_up", text=result.output)
        return f"up: {result.output}"

    @listen("never")
    def throw_away(self) -> str:
        record("thrown_away", drafts=self.state.drafts)
        return "nothing is up"

"""Flows as CrewAI's users write them."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any, ClassVar

from crewai import Crew, Task
from crewai.flow.flow import Flow, and_, listen, or_, router, start
from crewai.flow.human_feedback import HumanFeedbackResult, human_feedback
from crewai.flow.persistence import persist
from pydantic import BaseModel

from hitl_core.testing.crashing import die

from . import agents
from .desk import record

DIES_AT = "HITL_TEST_DIES_AT"
"""Names the place where a process kills itself."""


def dies(place: str) -> None:
    """Kill this process, if it was told to die here."""
    if os.environ.get(DIES_AT) == place:
        die()


class Letter(BaseModel):
    text: str = ""
    rounds: int = 0
    sent: bool = False


class Draft(BaseModel):
    text: str


class Letters(Flow[Letter]):
    """Writes until somebody approves it."""

    @start("again")
    def write(self) -> Draft:
        self.state.rounds += 1
        record("wrote", round=self.state.rounds)
        return Draft(text=f"draft {self.state.rounds}")

    @human_feedback(message="Send it?", emit=["approved", "again", "rejected"], llm="no-such-model")
    @listen(write)
    def show(self, draft: Draft) -> str:
        record("showed", text=draft.text)
        self.state.text = draft.text
        return draft.text

    @listen("approved")
    def send(self, result: HumanFeedbackResult) -> str:
        record("sent", text=self.state.text, feedback=result.feedback)
        dies("after sent")
        self.state.sent = True
        return f"sent {self.state.text}"

    @listen("rejected")
    def drop(self) -> str:
        record("dropped")
        return "dropped"


class Notes(Flow[dict[str, Any]]):
    """Free words about an output."""

    @start()
    @human_feedback(message="What do you think?")
    def write(self) -> str:
        record("wrote")
        return "a note"

    @listen(write)
    def keep(self, result: HumanFeedbackResult) -> str:
        record("kept", feedback=result.feedback)
        return f"{result.output}: {result.feedback or 'fine'}"


class Declared(Flow[dict[str, Any]]):
    """Says what silence means."""

    @start()
    @human_feedback(message="Go?", emit=["go", "stay"], default_outcome="stay", llm="no-such-model")
    def plan(self) -> str:
        return "trip"

    @listen("go")
    def leave(self) -> str:
        record("went")
        return "went"

    @listen("stay")
    def remain(self) -> str:
        record("stayed")
        return "stayed"


class Undeclared(Flow[dict[str, Any]]):
    """Does not say what silence means; CrewAI would take the first outcome."""

    @start()
    @human_feedback(message="Go?", emit=["go", "stay"], llm="no-such-model")
    def plan(self) -> str:
        return "trip"

    @listen("go")
    def leave(self) -> str:
        record("went")
        return "went"


class Joined(Flow[dict[str, Any]]):
    """Two branches that ask, one that is slower, and a join of all three."""

    go_on: ClassVar[threading.Event]

    @start()
    def begin(self) -> str:
        record("began")
        return "begun"

    @listen(begin)
    @human_feedback(message="Left?")
    def left(self) -> str:
        record("left")
        return "L"

    @listen(begin)
    @human_feedback(message="Right?")
    async def right(self) -> str:
        record("right")
        return "R"

    @listen(begin)
    async def slow(self) -> str:
        assert await asyncio.to_thread(self.go_on.wait, 20)
        record("slow")
        self.state["slow"] = "done"
        return "S"

    @listen(slow)
    def after_slow(self) -> str:
        record("after slow")
        return "A"

    @listen(and_(left, right, after_slow))
    def join(self) -> str:
        record("joined", slow=self.state["slow"])
        return "joined"


class Raced(Flow[dict[str, Any]]):
    """A branch that asks races one that does not; a third asks beside them. `quick` or `asked` may hold back."""

    go_on: ClassVar[threading.Event]
    slow: ClassVar[str] = "quick"

    @start()
    def begin(self) -> str:
        return "begun"

    @listen(begin)
    def quick(self) -> str:
        self._hold_back("quick")
        record("quick")
        return "Q"

    @listen(begin)
    @human_feedback(message="Asked?")
    def asked(self) -> str:
        record("asked")
        self._hold_back("asked")
        return "A"

    @listen(begin)
    @human_feedback(message="Beside?")
    def beside(self) -> str:
        return "B"

    @listen(or_(quick, asked))
    def first(self, what: Any) -> str:
        record("first", what=str(getattr(what, "output", what)))
        self.go_on.set()
        return "won"

    @listen(and_(first, beside))
    def end(self) -> str:
        return "ended"

    def _hold_back(self, name: str) -> None:
        assert self.slow != name or self.go_on.wait(60)


class Rivals(Flow[dict[str, Any]]):
    """Two branches race, and both stop: one asks, one calls a gated tool once the race is over."""

    url: ClassVar[str] = ""
    go_on: ClassVar[threading.Event]

    @start()
    def begin(self) -> str:
        return "begun"

    @listen(begin)
    @human_feedback(message="Left?")
    def left(self) -> str:
        return "L"

    @listen(begin)
    def right(self) -> str:
        assert self.go_on.wait(60)
        result: Any = agents.crew(agents.Refund)(type(self).url)().kickoff()
        return str(result.raw)

    @listen(or_(left, right))
    def first(self, what: Any) -> str:
        record("first", what=str(getattr(what, "output", what)))
        self.go_on.set()
        return "won"


class Interview(Flow[dict[str, Any]]):
    """Asks in the middle of a method."""

    @start()
    def ask_name(self) -> str:
        name = self.ask("Your name?")
        topic = self.ask("Which topic?", metadata={"step": 2})
        record("answers", name=name, topic=topic)
        return f"{name}: {topic}"


class Careless(Flow[dict[str, Any]]):
    """Catches whatever comes, our pause too, and goes on."""

    @start()
    def ask_name(self) -> str:
        try:
            return str(self.ask("Your name?"))
        except Exception:
            return "nobody"

    @listen(ask_name)
    def greet(self, name: str) -> str:
        record("greeted", name=name)
        return f"hello {name}"


class Crewed(Flow[dict[str, Any]]):
    """A crew with a gated tool inside a method, and a method before it."""

    url: ClassVar[str] = os.environ.get("HITL_TEST_MODEL", "")

    @start()
    def prepare(self) -> str:
        record("prepared")
        self.state["order"] = "A"
        return "ready"

    @listen(prepare)
    def pay(self) -> Any:
        return agents.crew(agents.Refund)(type(self).url)().kickoff()

    @listen(pay)
    async def thank(self, result: Any) -> str:
        record("thanked", order=self.state["order"], raw=result.raw)
        return f"thanks: {result.raw}"


class Awaited(Flow[dict[str, Any]]):
    """Kicks a crew off on its own event loop; its one task is reviewed."""

    url: ClassVar[str] = ""

    @start()
    async def pay(self) -> str:
        result: Any = await agents.crew(agents.Refund, task={"human_input": True})(type(self).url)().akickoff()
        return str(result.raw)


class Each(Flow[dict[str, Any]]):
    """Kicks the same crew off for each of a list."""

    url: ClassVar[str] = ""

    @start()
    def pay(self) -> str:
        results: Any = agents.crew(agents.Refund)(type(self).url)().kickoff_for_each(inputs=[{"n": 1}, {"n": 2}])
        return " and ".join(str(each.raw) for each in results)


@persist()
class Alone(Flow[dict[str, Any]]):
    """An agent of its own, without a crew, in a flow that keeps its state itself."""

    url: ClassVar[str] = ""

    @start()
    def pay(self) -> str:
        result: Any = agents.agent(type(self).url, agents.Refund()).kickoff("Pay A")
        return str(result.raw)


class Routed(Flow[dict[str, Any]]):
    """A router reads the feedback and loops back."""

    @start("redo")
    def write(self) -> str:
        self.state["n"] = self.state.get("n", 0) + 1
        return f"v{self.state['n']}"

    @listen(write)
    @human_feedback(message="Good?")
    def show(self, text: str) -> str:
        return text

    @router(show)
    def decide(self, result: HumanFeedbackResult) -> str:
        return "redo" if result.feedback else "good"

    @listen("good")
    def publish(self) -> str:
        record("published", n=self.state["n"])
        return f"published v{self.state['n']}"


# ── killed at a named place ──────────────────────────────────────────────────────────────────────────────────


class Posted(Flow[dict[str, Any]]):
    """Methods with effects of their own: plain, awaited, and after a question in the middle."""

    @start()
    def begin(self) -> str:
        record("began")
        return "begun"

    @listen(begin)
    def post(self) -> str:
        dies("before post")
        record("posted")
        self.state["posted"] = True
        dies("after post")
        return "posted"

    @listen(post)
    async def file(self) -> str:
        record("filed")
        dies("after file")
        return "filed"

    @listen(file)
    def sign(self) -> str:
        name = self.ask("Your name?")
        record("signed", name=name)
        dies("after sign")
        return f"{name}: {self.state['posted']}"


class LookedUp(agents.LookUp):
    """Runs unasked, by the policy of these tests."""

    def _run(self, order: str) -> str:
        found = super()._run(order)
        dies("after looked")
        return found


def notify(output: Any) -> None:
    """A task's callback."""
    record("notified", raw=output.raw)
    dies("after notified")


async def archive(output: Any) -> None:
    """The callback of a crew, for each of its tasks."""
    record("archived", raw=output.raw)
    dies("after archived")


def told() -> Crew:
    """A crew whose tasks call back; one tool runs unasked, and the second task is reviewed."""
    url = os.environ["HITL_TEST_MODEL"]
    clerk, writer = agents.agent(url, LookedUp()), agents.agent(url, role="writer")
    look = Task(description="Look A up.", expected_output="A price.", agent=clerk, callback=notify)
    tell = Task(description="Tell it.", expected_output="A letter.", agent=writer, callback=notify, human_input=True)
    return Crew(agents=[clerk, writer], tasks=[look, tell], task_callback=archive)

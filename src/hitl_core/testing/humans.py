"""People for tests: they answer after a while, or late, or twice, or never; time is a manual clock, nobody waits.

played = await play(hitl, run, approve().after("2h"), clock=clock)
assert played.run.state is RunState.COMPLETED

reject("not this customer").by("bob", roles=("lead",)).about("issue_refund")
answer("because").double_clicking()          # sends the same answer twice
approve().forgetful()                        # remembers only when the deadline has passed
silent()                                     # never says anything
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from ..errors import HitlError
from ..policy.rules import parse_duration
from ..protocol import Arguments, Json, PauseRequest, Reply, Response, Run, RunState
from ..runtime import Runtime
from .clock import ManualClock

Says = Callable[[PauseRequest], Response]

MOST_ROUNDS: Final = 1000
"""How many answers a run may take before it counts as one that never ends."""


@dataclass(frozen=True, slots=True)
class Human:
    """One person. The methods return the same person with another habit."""

    says: Callable[[PauseRequest, str, tuple[str, ...]], Response] | None
    name: str = "ann"
    roles: tuple[str, ...] = ()
    delay: timedelta = timedelta()
    clicks: int = 1
    late: bool = False
    tools: tuple[str, ...] = ()

    def after(self, time: str | timedelta) -> Human:
        """Answers when that much time has passed since the question: "90s", "2h", "1h30m"."""
        return replace(self, delay=parse_duration(time) if isinstance(time, str) else time)

    def by(self, name: str, *, roles: tuple[str, ...] = ()) -> Human:
        """Is somebody else."""
        return replace(self, name=name, roles=roles)

    def about(self, *tools: str) -> Human:
        """Answers only what is about these tools."""
        return replace(self, tools=tools)

    def double_clicking(self) -> Human:
        """Sends each answer twice."""
        return replace(self, clicks=2)

    def forgetful(self) -> Human:
        """Remembers a question only when its deadline has passed; one without a deadline, never."""
        return replace(self, late=True)

    def due(self, request: PauseRequest) -> datetime | None:
        """When this person answers a request; None means never."""
        if self.says is None or (self.tools and request.action.tool not in self.tools):
            return None
        if self.late:
            return None if request.deadline is None else request.deadline + timedelta(seconds=1)
        return request.created_at + self.delay


def approve() -> Human:
    """Says yes to what is shown: approves a call, accepts a draft."""
    return Human(lambda request, name, roles: _consent(request, name, roles))


def reject(message: str = "") -> Human:
    """Says no."""
    return Human(lambda request, name, roles: request.reject(message, by=name, roles=roles))


def edit(**changes: Json) -> Human:
    """Changes some arguments and lets it run."""

    def says(request: PauseRequest, name: str, roles: tuple[str, ...]) -> Response:
        arguments: Arguments = {**request.action.arguments, **changes}
        return request.edit(arguments, by=name, roles=roles)

    return Human(says)


def answer(value: Json) -> Human:
    """Answers a question, or gives the result of a call."""
    return Human(lambda request, name, roles: request.answer(value, by=name, roles=roles))


def report(outcome: str, result: Json = None, note: str = "") -> Human:
    """Where people lead: does it, or does not, and says what came of it."""
    return Human(lambda request, name, roles: request.report(outcome, result, note, by=name, roles=roles))


def choose(option: str) -> Human:
    """Picks an option."""
    return Human(lambda request, name, roles: request.choose(option, by=name, roles=roles))


def revise(feedback: str) -> Human:
    """Sends a draft back."""
    return Human(lambda request, name, roles: request.revise(feedback, by=name, roles=roles))


def ask(question: str) -> Human:
    """Asks the agent before deciding."""
    return Human(lambda request, name, roles: request.ask(question, by=name, roles=roles))


def silent() -> Human:
    """Never says anything."""
    return Human(None)


@dataclass(slots=True)
class Played:
    """What came of it: the run, the answers that were taken, and the errors of those that were refused."""

    run: Run
    taken: list[Response] = field(default_factory=list)
    refused: list[HitlError] = field(default_factory=list)


async def play(hitl: Runtime, run: Run, *people: Human, clock: ManualClock) -> Played:
    """Let people answer what a run asks, in the order in which they would, until it ends or everybody is silent.

    `clock` is moved to each answer and each deadline; who is forgetful speaks up even when the run is over. Raises
    RuntimeError for a run that goes on for ever.
    """
    played = Played(await hitl.wait(run.id))
    asked: dict[str, PauseRequest] = {}
    done: set[tuple[str, Human]] = set()
    for _ in range(MOST_ROUNDS):
        asked.update({request.id: request for request in played.run.pending})
        step = _next(played.run, asked, people, done)
        if step is None:
            return played
        at, request, person = step
        clock.advance(max(0.0, (at - clock.now()).total_seconds()))
        if person is not None:
            done.add((request.id, person))
            await _say(hitl, request, person, played)
        played.run = await hitl.wait(run.id)
    raise RuntimeError(f"run {run.id} has taken {MOST_ROUNDS} answers and still asks")


Step = tuple[datetime, PauseRequest, Human | None]


def _next(
    run: Run, asked: dict[str, PauseRequest], people: tuple[Human, ...], done: set[tuple[str, Human]]
) -> Step | None:
    """Who answers what next, and when; without a person it is a deadline that passes."""
    pending = {request.id for request in run.pending} if run.state is RunState.PAUSED else set()
    steps: list[Step] = []
    for request in asked.values():
        steps += [
            (due, request, person)
            for person in people
            if (request.id, person) not in done and (request.id in pending or person.late)
            if (due := person.due(request)) is not None
        ]
        if request.deadline is not None and request.id in pending:
            steps.append((request.deadline, request, None))
    return min(steps, key=lambda step: step[0], default=None)


async def _say(hitl: Runtime, request: PauseRequest, person: Human, played: Played) -> None:
    assert person.says is not None
    response = person.says(request, person.name, person.roles)
    for _ in range(person.clicks):
        try:
            await hitl.respond(response)
        except HitlError as exc:
            played.refused.append(exc)
        else:
            played.taken.append(response)


def _consent(request: PauseRequest, name: str, roles: tuple[str, ...]) -> Response:
    if Reply.ACCEPT in request.allowed:
        return request.accept(by=name, roles=roles)
    return request.approve(by=name, roles=roles)

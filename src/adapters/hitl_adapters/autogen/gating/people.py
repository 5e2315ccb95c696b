"""People in a team: a UserProxyAgent's turn is a request, and what was answered becomes its message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import cast

from autogen_agentchat.agents import UserProxyAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, HandoffMessage, TextMessage, UserInputRequestedEvent

from hitl_core.commands import Settled
from hitl_core.errors import AppChanged
from hitl_core.gate import Form
from hitl_core.lifecycle import TAKEN_BACK, RequestState
from hitl_core.protocol import Action, Answer, HandBack, TakeOver

from ..mapping import no_answer, person_action, person_form, question_of
from ..suspend import Current, Scope, Suspended


async def decided(now: Current, place: str, action: Action, form: Form) -> Settled:
    """What was decided at a place. Raises Suspended while nobody has decided; then the request is lifted. Under a stop
    nothing that was decided is handed to the team."""
    now.reached.add(place)
    known = await now.gate.settled(place)
    anew = known is not None and now.turn.ask_again and place not in now.asked_again
    if known is None or known.state in TAKEN_BACK or anew:
        now.asked_again.add(place)
        ask(now, place, action, form, round=0 if known is None else known.request.round + 1)
    assert known is not None
    if known.state in (RequestState.OPEN, RequestState.FROZEN):
        raise now.waiting(place)
    if await now.gate.stop_for(known.request.action) is not None:
        now.ended.set()
        raise Suspended(str(now.gate.stopped))
    now.used.append(place)
    return known


def ask(now: Current, place: str, action: Action, form: Form, *, round: int) -> None:
    """Lift the request of a place. Always raises Suspended."""
    now.lifted[place] = now.gate.lift(action, call=place, form=form, round=round)
    raise now.waiting(place)


@dataclass(frozen=True, slots=True)
class Person:
    """A UserProxyAgent. Its `input_func` is never called: it would block the process (research/autogen.md §1).

    In a Swarm the floor stays with whoever spoke last until they hand it over, so there a person may take several
    turns. Elsewhere each of their turns is one answer.
    """

    agent: UserProxyAgent
    mates: Collection[str] = ()
    swarm: bool = False

    async def turn(self, scope: Scope, messages: Sequence[BaseChatMessage]) -> AsyncIterator[object]:
        """The parts of one turn: that somebody is asked, and what they said."""
        name, now = self.agent.name, scope.now
        by = self._handed_by(scope, messages)
        asked = question_of(messages)
        action = person_action(name, asked, scope.path[:-1], self.mates)
        form = person_form(name, asked, messages, handoff=by is not None and self.swarm)
        yield UserInputRequestedEvent(request_id=scope.place, source=name)
        known = await decided(now, scope.place, action, form)
        _require_same_question(known.request.action, messages)
        message = self._said(known, by)
        if message is None:
            ask(now, scope.place, action, form, round=known.request.round + 1)
        elif isinstance(message, HandoffMessage):
            now.floor.pop(self._floor(scope), None)
        yield Response(chat_message=cast("BaseChatMessage", message))

    def _handed_by(self, scope: Scope, messages: Sequence[BaseChatMessage]) -> str | None:
        """Who handed the conversation over, if somebody did. A handoff to somebody else is no error here."""
        last = messages[-1] if messages else None
        if isinstance(last, HandoffMessage) and last.target == self.agent.name:
            if self.swarm:
                scope.now.floor[self._floor(scope)] = last.source
            return last.source
        return scope.now.floor.get(self._floor(scope))

    def _floor(self, scope: Scope) -> str:
        return scope.place.rpartition(".")[0]

    def _said(self, known: Settled, by: str | None) -> TextMessage | HandoffMessage | None:
        """What the person said, as the team's message; None if it names nobody who could go on."""
        name = self.agent.name
        decision = None if known.response is None else known.response.decision
        match decision:
            case TakeOver(text=text):
                return TextMessage(content=text, source=name)
            case HandBack(text=text, to=to) if to is None or to in self.mates:
                target = to or by or ""
                return HandoffMessage(content=text or f"Handed back to {target}.", target=target, source=name)
            case HandBack():
                return None
            case Answer(value=value):
                text = str(value)
            case _:
                text = no_answer(known)
        if by is None:
            return TextMessage(content=text, source=name)
        return HandoffMessage(content=text, target=by, source=name)


def _require_same_question(asked: Action, messages: Sequence[BaseChatMessage]) -> None:
    """Raises AppChanged unless the person hears what they were asked: in a team inside a team, which is replayed, a
    selection that falls otherwise could put another question there. What others said since is no change."""
    if "question" in asked.arguments and asked.arguments not in [question_of([each]) for each in messages]:
        question = asked.arguments["question"]
        raise AppChanged(f"{asked.tool} was asked {question!r}, which nobody says there now; the answer was not used")


# ── a handoff to somebody outside the team ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Handed:
    """A team that ended by a handoff to somebody who is not in it, as AutoGen's own Swarm tutorial has it. `person` is
    asked; the run goes on by their HandoffMessage."""

    person: str
    by: str
    mates: tuple[str, ...]

    def ask(self, now: Current, place: str, thread: Sequence[BaseChatMessage]) -> None:
        """Lift the request."""
        now.lifted[place] = now.gate.lift(self._action(thread), call=place, form=self._form(thread))
        now.waits[place] = None

    async def task(self, now: Current, place: str, thread: Sequence[BaseChatMessage]) -> list[BaseChatMessage]:
        """The messages with which the team goes on. Raises Suspended while the person has the floor."""
        known = await decided(now, place, self._action(thread), self._form(thread))
        decision = None if known.response is None else known.response.decision
        taken: list[str] = list(now.floor.get(place, "").splitlines()) if place in now.floor else []
        match decision:
            case TakeOver(text=text):
                now.floor[place] = "\n".join([*taken, text])
            case HandBack(to=to) if to is not None and to not in self.mates:
                pass
            case HandBack(text=text, to=to):
                now.floor.pop(place, None)
                return [self._back("\n".join([*taken, text] if text else taken), to or self.by)]
            case _:
                return [self._back(no_answer(known), self.by)]
        ask(now, place, self._action(thread), self._form(thread), round=known.request.round + 1)
        raise AssertionError("asking suspends")

    def _back(self, text: str, target: str) -> HandoffMessage:
        return HandoffMessage(content=text or f"Handed back to {target}.", target=target, source=self.person)

    def _action(self, thread: Sequence[BaseChatMessage]) -> Action:
        return person_action(self.person, question_of(thread), (), self.mates)

    def _form(self, thread: Sequence[BaseChatMessage]) -> Form:
        return person_form(self.person, question_of(thread), thread, handoff=True)

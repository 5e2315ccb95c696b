"""What is said in a run, kept for its thread's transcript. A courtesy to who reads it: a failure never harms a run."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..apps import Message, messages_in, text_of
from ..commands import KeepSaid, ListSaid, Page
from ..contracts import Completed, Ending, Store
from ..gate import Surroundings, Veil
from ..protocol import (
    SAID_LIMIT,
    Json,
    LiveEvent,
    LiveKind,
    Responder,
    Role,
    Run,
    Said,
    SaidCall,
    asked_id,
    output_id,
    result_id,
    said_id,
    state_id,
)
from .identity import in_view_of

log = logging.getLogger("hitl_core")


async def transcript(
    around: Surroundings, thread: str, by: str | Responder | None, *, home: str, limit: int, cursor: str | None
) -> Page[Said]:
    """What was said in a thread of the tenant of `by`; of `home` for nobody in particular. Raises NotPermitted."""
    tenant: str | None = home
    if by is not None and around.directory is not None:
        _, _, tenant = await in_view_of(around, by)
    return await around.store.fetch(ListSaid(thread, tenant, limit, cursor))


async def keep(store: Store, run_id: str, said: Callable[[], tuple[Said, ...]]) -> None:
    """Keep messages of a run. Whatever goes wrong with it is only logged."""
    try:
        if found := said():
            await store.apply(KeepSaid(run_id, found))
    except Exception as exc:  # the run goes on: what was said is for whoever reads it later, and decides nothing
        log.warning("run %s: what was said in it is not kept in the transcript: %s", run_id, exc)


# ── what a run is started with ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Words:
    """What a user says to begin a run, under the id that it has where it was said."""

    id: str
    text: str


def asked(run: Run, words: tuple[Words, ...] = ()) -> tuple[Said, ...]:
    """The words of whoever starts a run: those that are given, else the last message of a user in its input, or all of
    that as text."""
    if run.undoes is not None:
        return ()
    said = [(said_id(each.id), each.text) for each in words or (_words_in(run),)]
    return tuple(_said(id, run.id, Role.USER, text, run.created_at, by=run.started_by) for id, text in said if text)


def _words_in(run: Run) -> Words:
    of_user = [each for each in messages_in(run.input) if each.role == Role.USER]
    last = of_user[-1] if of_user else Message(Role.USER, run.input)
    return Words(last.id or asked_id(run.id), _words_of(last.content))


def _words_of(value: Json) -> str:
    """What is said in a value: the words of a message's content, or else the value as JSON."""
    parts = isinstance(value, list) and all(isinstance(each, dict) and "type" in each for each in value)
    if value is None or isinstance(value, str) or parts:
        return text_of(value)
    return json.dumps(value, ensure_ascii=False)


def _said(id: str, run_id: str, role: Role, text: str, at: datetime, **more: Any) -> Said:
    cut = len(text) > SAID_LIMIT
    return Said(id=id, run_id=run_id, role=role, text=text[:SAID_LIMIT], cut=cut, at=at, **more)


# ── what is said in a turn ───────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Heard:
    """A message that is being heard: its text comes in parts."""

    role: Role
    node: str
    at: datetime
    call: str | None = None
    parts: list[str] = field(default_factory=list)
    calls: dict[str, SaidCall] = field(default_factory=dict)

    def said(self, id: str, run_id: str) -> Said:
        calls = tuple(self.calls.values())
        return _said(id, run_id, self.role, "".join(self.parts), self.at, node=self.node, calls=calls, call=self.call)


class Hearing:
    """Listens to the live events of one turn, and knows what was said in it, each message under its id."""

    def __init__(self, run: Run, now: Callable[[], datetime]) -> None:
        self._run, self._now = run, now
        self._messages: dict[str, _Heard] = {}
        self._state: Json = None

    def hear(self, event: LiveEvent) -> None:
        """Take in one event; one that cannot be understood is passed over, because the turn goes on."""
        try:
            if event.kind is LiveKind.STATE:
                self._state = event.data
            elif event.id:
                self._hear(event)
        except ValueError as exc:
            log.warning("run %s: a message of it is not understood: %s", self._run.id, exc)

    def _hear(self, event: LiveEvent) -> None:
        match event.kind:
            case LiveKind.TEXT:
                self._message(event.id, Role.ASSISTANT, event).parts.append(event.text)
            case LiveKind.TOOL_CALL:
                self._called(event)
            case LiveKind.TOOL_RESULT:
                result = self._message(result_id(self._run.id, event.id), Role.TOOL, event)
                result.call, result.parts = said_id(event.id), [event.text]
            case _:
                pass  # it says how the turn goes

    def _called(self, event: LiveEvent) -> None:
        """A call belongs to the message that it names, or is one of its own."""
        data = event.data if isinstance(event.data, dict) else {}
        tool, arguments, message = data.get("tool"), data.get("arguments"), data.get("message")
        given = arguments if isinstance(arguments, dict) else {}
        of = message if isinstance(message, str) and message else said_id(self._run.id, event.id, "call")
        call = SaidCall(id=said_id(event.id), tool=said_id(str(tool or "?")), arguments=given)
        self._message(of, Role.ASSISTANT, event).calls[call.id] = call

    def _message(self, id: str, role: Role, event: LiveEvent) -> _Heard:
        return self._messages.setdefault(said_id(id), _Heard(role, event.node, self._now()))

    def said(self, ending: Ending, veil: Veil) -> tuple[Said, ...]:
        """All that was said, in the order in which it began. An app that says nothing has its output for words.

        Under the veil once more: a secret that came in parts is whole here. Last comes the state that it has shown.
        """
        self._end(ending)
        said = tuple(each.said(id, self._run.id) for id, each in self._messages.items())
        shown = self._shown(veil)
        return (*(_veiled(each, veil) for each in said), *shown) if veil.hides else (*said, *shown)

    def _shown(self, veil: Veil) -> Iterator[Said]:
        """The last state of the app in this turn; a part of one that is too long would be none."""
        text = json.dumps(veil.clean(self._state))  # in ASCII: an app's texts may have halves of characters
        if self._state is not None and len(text) <= SAID_LIMIT:
            yield _said(state_id(self._run.id), self._run.id, Role.STATE, text, self._now())

    def _end(self, ending: Ending) -> None:
        speaks = any(each.role is Role.ASSISTANT and each.parts for each in self._messages.values())
        if isinstance(ending, Completed) and isinstance(ending.output, str) and ending.output and not speaks:
            message = _Heard(Role.ASSISTANT, "", self._now(), parts=[ending.output])
            self._messages[output_id(self._run.id)] = message


def _veiled(said: Said, veil: Veil) -> Said:
    calls = tuple(each.model_copy(update={"arguments": veil.clean(each.arguments)}) for each in said.calls)
    return said.model_copy(update={"text": veil.text(said.text), "calls": calls})

"""What a working run says, as AG-UI events. Each message is begun once and ended once; what was said before is dropped.

A framework that goes on after a pause says again what it had said; its ids hold, so a page never reads it twice.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from typing import Any, Final

from ag_ui.core import (
    BaseEvent,
    CustomEvent,
    StateSnapshotEvent,
    StepFinishedEvent,
    StepStartedEvent,
    TextMessageContentEvent,
    TextMessageEndEvent,
    TextMessageStartEvent,
    ToolCallArgsEvent,
    ToolCallEndEvent,
    ToolCallResultEvent,
    ToolCallStartEvent,
)

from ..protocol import Json, LiveEvent, LiveKind, result_id, said_id

CUSTOM: Final = "hitl.custom"


class Speaker:
    """Listens to the live events of one turn.

    `said` holds the ids of what was told before. `client_tools` are those that the page may carry out itself: a call of
    one is a request, and is told as that.
    """

    def __init__(self, said: Container[str] = (), *, client_tools: Container[str] = ()) -> None:
        self._said, self._client_tools = said, client_tools
        self._open: dict[str, str] = {}
        self._called: set[str] = set()
        self._step = ""
        self.told: set[str] = set()
        """The ids of the messages that were told."""

    def hear(self, event: LiveEvent) -> Iterator[BaseEvent]:
        """The AG-UI events that a live event becomes; none for what is known, or is not for a page."""
        match event.kind:
            case LiveKind.TEXT:
                yield from self._text(event)
            case LiveKind.TOOL_CALL:
                yield from self._call(event)
            case LiveKind.TOOL_RESULT:
                yield from self._result(event)
            case LiveKind.STEP:
                yield from self._stepped(event.node)
            case LiveKind.STATE:
                yield StateSnapshotEvent(snapshot=event.data)
            case LiveKind.CUSTOM:
                yield CustomEvent(name=event.text or CUSTOM, value=event.data)
            case _:
                return

    def end(self) -> Iterator[BaseEvent]:
        """What has to be ended before a run may finish."""
        yield from self._ended(*self._open)
        yield from self._stepped("")

    def _text(self, event: LiveEvent) -> Iterator[BaseEvent]:
        id = said_id(event.id)
        if id in self._said or not event.text:
            return
        if id not in self._open:
            yield from self._ended_at(event.node)
            self._open[id] = event.node
            self.told.add(id)
            yield TextMessageStartEvent(message_id=id, role="assistant")
        yield TextMessageContentEvent(message_id=id, delta=event.text)

    def _call(self, event: LiveEvent) -> Iterator[BaseEvent]:
        """A call belongs to the message that it names, or to one of its own; so does the transcript have it."""
        data: Any = event.data
        id = said_id(event.id)
        message = data.get("message") or said_id(event.run_id, event.id, "call")
        if data["tool"] not in self._client_tools and id not in self._said and id not in self._called:
            yield from self._ended_at(event.node)
            self._called.add(id)
            self.told.add(message)
            yield from call_events(id, data["tool"], data["arguments"], of=message)

    def _result(self, event: LiveEvent) -> Iterator[BaseEvent]:
        message, call = result_id(event.run_id, event.id), said_id(event.id)
        if message in self._said or message in self.told:
            return
        if call in self._called or call in self._said:
            self.told.add(message)
            yield ToolCallResultEvent(message_id=message, tool_call_id=call, content=event.text)

    def _stepped(self, node: str) -> Iterator[BaseEvent]:
        """One step at a time: where the app is now. The page wants each ended before the run."""
        if node == self._step:
            return
        if self._step:
            yield StepFinishedEvent(step_name=self._step)
        self._step = node
        if node:
            yield StepStartedEvent(step_name=node)

    def _ended_at(self, node: str) -> Iterator[BaseEvent]:
        """Whoever speaks or calls anew has ended what they said before; others may still be speaking."""
        yield from self._ended(*[id for id, place in self._open.items() if place == node])

    def _ended(self, *messages: str) -> Iterator[BaseEvent]:
        for each in messages:
            del self._open[each]
            yield TextMessageEndEvent(message_id=each)


def call_events(id: str, tool: str, arguments: Json, *, of: str | None = None) -> Iterator[BaseEvent]:
    """A call of a tool, told whole; `of` is the message that it is part of."""
    yield ToolCallStartEvent(tool_call_id=id, tool_call_name=tool, parent_message_id=of)
    yield ToolCallArgsEvent(tool_call_id=id, delta=json.dumps(arguments, ensure_ascii=False))
    yield ToolCallEndEvent(tool_call_id=id)


def text_events(id: str, text: str) -> Iterator[BaseEvent]:
    """A message of the assistant, told whole."""
    yield TextMessageStartEvent(message_id=id, role="assistant")
    yield TextMessageContentEvent(message_id=id, delta=text)
    yield TextMessageEndEvent(message_id=id)

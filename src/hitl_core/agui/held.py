"""What a page holds: what it has posted, and what it was told since, as its client puts it together. Pure.

A page that lost its connection, or was open while its server died, has a part of a message only; one that carries out a
tool has made up messages of its own. A snapshot mends both. The client drops what is not in it, replaces the rest where
it stands, and puts what is new at the end; so what would come to stand elsewhere is dropped by a first one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from ag_ui.core import (
    AssistantMessage,
    BaseEvent,
    Message,
    StateSnapshotEvent,
    TextMessageContentEvent,
    TextMessageStartEvent,
    ToolCallArgsEvent,
    ToolCallResultEvent,
    ToolCallStartEvent,
    ToolMessage,
)


class Held:
    """The messages of a page, by their ids, in its order."""

    def __init__(self, posted: Iterable[Message] = ()) -> None:
        self._texts: dict[str, str] = {}
        self._arguments: dict[str, str] = {}
        """Of its calls, by their ids."""
        self.is_shown = False
        """Whether it was told the app's state."""
        for each in posted:
            self._texts[each.id] = _text_of(each)
            self._arguments.update(_calls_of(each))

    def hear(self, event: BaseEvent) -> None:
        """Take in what the page is told."""
        match event:
            case TextMessageStartEvent(message_id=id) | ToolCallResultEvent(message_id=id):
                self._texts.setdefault(id, "")
            case TextMessageContentEvent(message_id=id, delta=delta):
                self._texts[id] += delta
            case ToolCallStartEvent(tool_call_id=call, parent_message_id=id):
                self._texts.setdefault(id or call, "")
                self._arguments[call] = ""
            case ToolCallArgsEvent(tool_call_id=call, delta=delta):
                self._arguments[call] += delta
            case StateSnapshotEvent():
                self.is_shown = True
            case _:
                pass  # it says nothing that is kept

    def snapshots(self, messages: Sequence[Message], asking: Sequence[Message] = ()) -> Iterator[Sequence[Message]]:
        """All messages, as often as they have to be sent until the page has them in their order; not at all if it does.

        Where the results of calls stand says nothing: a page shows them with their calls. Nor does it where those stand
        that the page has of what it is asked by calls of its own, `asking`; but each has to be there, and whole.
        """
        wanted = [each.id for each in messages if not isinstance(each, ToolMessage)]
        have = [id for id in self._texts if id in set(wanted)]
        if have == wanted and all(map(self._is_whole, messages)) and all(map(self._has_calls, asking)):
            return
        if [*have, *(id for id in wanted if id not in self._texts)] != wanted:
            yield [*messages[: self._until(have, messages)], *asking]
        yield [*messages, *asking]

    def _is_whole(self, message: Message) -> bool:
        """A transcript may have less of a very long message than the page."""
        known = self._texts.get(message.id)
        return known is not None and known.startswith(_text_of(message)) and self._has_calls(message)

    def _has_calls(self, message: Message) -> bool:
        """Whether all calls of a message are there, in whatever message, with their arguments."""
        return all(_is_json(self._arguments.get(call, "")) for call, _ in _calls_of(message))

    def _until(self, have: Sequence[str], messages: Sequence[Message]) -> int:
        """How many of the messages stand where they are to stand."""
        left = iter(have)
        stand = (isinstance(each, ToolMessage) or each.id == next(left, None) for each in messages)
        return next((at for at, stands in enumerate(stand) if not stands), len(messages))


def _text_of(message: Message) -> str:
    """What an agent says; what users and tools say comes from the page itself, or is told at once."""
    return (message.content or "") if isinstance(message, AssistantMessage) else ""


def _calls_of(message: Message) -> Iterator[tuple[str, str]]:
    """The ids of its calls, and their arguments."""
    if isinstance(message, AssistantMessage):
        yield from ((each.id, each.function.arguments) for each in message.tool_calls or ())


def _is_json(arguments: str) -> bool:
    """Whether they are whole: they are an object, and a part of one is no JSON."""
    try:
        json.loads(arguments)
    except (ValueError, RecursionError):
        return False
    return True

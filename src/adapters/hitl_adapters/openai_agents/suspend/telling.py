"""What is told to who watches: by each model when it answers, so that agents inside tools are heard too.

A message is named after its place in the journal: the SDK's own id of it is the same for all, where the model is asked
for chat completions. What is only handed out again was told before, unless the turn before this one died.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from hitl_core.contracts import Turn
from hitl_core.protocol import call_event, result_event, said_id, text_event

from ..mapping import calls_in, results_in, words_in


class Telling:
    """The messages, calls and results of one turn."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._nodes: dict[str, str] = {}
        self._came: set[str] = set()

    def says(self, key: str, text: str, node: str) -> None:
        """The next words of the answer that the journal has under this key."""
        if text and self._turn.watched:
            run = self._turn.run.id
            self._turn.emit(text_event(run, said_id(run, key), text, node=node))

    def answered(self, key: str, output: Sequence[Any], node: str, *, said: bool = False) -> None:
        """A model has answered. `said`: its words were told as they came."""
        if not self._turn.watched:
            return
        run = self._turn.run.id
        if not said:
            self.says(key, words_in(output), node)
        for call_id, tool, arguments in calls_in(output):
            self._nodes[call_id] = node
            self._turn.emit(call_event(run, call_id, tool, arguments, message=said_id(run, key), node=node))

    def again(self, key: str, output: Sequence[Any], node: str) -> None:
        """An answer is handed out once more."""
        if self._turn.claimed.interrupted:
            self.answered(key, output, node)

    def came(self, items: Sequence[Any]) -> None:
        """What came of calls, as a model is going to read it; each is told once."""
        if not self._turn.watched:
            return
        for call_id, result in results_in(list(map(_plain, items))):
            if call_id not in self._came:
                self._came.add(call_id)
                node = self._nodes.get(call_id, "")
                self._turn.emit(result_event(self._turn.run.id, call_id, result, node=node))


def _plain(item: Any) -> Any:
    return item.model_dump(mode="json", exclude_none=True) if isinstance(item, BaseModel) else item

"""What the agents of a run say: the words in each answer of a model, by conversation and in order.

An agent's conversation goes on from turn to turn. Only a turn that paused is replayed, so what was said in those before
it comes from the journal, which has its lines in the order in which they were written.
"""

from __future__ import annotations

from typing import Any, Final, cast

from autogen_core.models import CreateResult

from hitl_core.protocol import Json

from .memory import Memory

MODEL: Final = "model:"
_OF: Final = "hitl_of"


class Talk:
    """The conversations of one stretch and of those before it."""

    def __init__(self, memory: Memory) -> None:
        self._said: dict[str, dict[str, str]] = {}
        self._made: dict[str, str] = {}
        for key in memory:
            line = cast("dict[str, Any]", memory[key]) if key.startswith(MODEL) else {}
            if line.get(_OF):
                self._says(line[_OF], key.removeprefix(MODEL), line["content"], line["thought"])

    def says(self, conversation: str, place: str, result: CreateResult) -> None:
        """A model has answered at a place."""
        self._says(conversation, place, result.content, result.thought)

    def _says(self, conversation: str, place: str, content: object, thought: str | None) -> None:
        """Beside calls, what a model says is what AutoGen calls a thought."""
        words = content if isinstance(content, str) else thought or ""
        self._said.setdefault(conversation, {}).setdefault(place, words)

    def follows_from_the_last(self, conversation: str, call: str) -> None:
        """A call that no answer names: code is in the text of the one before it."""
        self._made.setdefault(call, next(reversed(self._said.get(conversation, {})), ""))

    def said(self, conversation: str) -> dict[str, str]:
        """The words of a conversation by the places of the answers, oldest first."""
        return self._said.get(conversation, {})

    def answer_of(self, call: str) -> str:
        """The place of the answer that made a call."""
        return self._made.get(call) or call.rpartition(".")[0]


def kept(result: CreateResult, conversation: str) -> Json:
    """An answer as the journal has it."""
    return {**cast("dict[str, Json]", result.model_dump(mode="json")), _OF: conversation}

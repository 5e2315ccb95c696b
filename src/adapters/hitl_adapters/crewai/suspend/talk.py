"""What the agents of a run say: the words in each answer of a model, by conversation and in order.

A crew runs again from its start, so a turn hears all that was said in the tasks that have not ended.
"""

from __future__ import annotations

from collections.abc import Iterable


class Talk:
    """The conversations of one turn. A conversation is an agent's, in one task or inside one call."""

    def __init__(self) -> None:
        self._said: dict[str, dict[str, str]] = {}
        self._made: dict[str, str] = {}

    def says(self, conversation: str, answer: str, words: str, calls: Iterable[str] = ()) -> None:
        """A model has answered, under this key of the journal, and asks for these calls."""
        self._said.setdefault(conversation, {}).setdefault(answer, words)
        for call in calls:
            self._made[call] = answer

    def follows_from_the_last(self, conversation: str, call: str) -> None:
        """A call that no answer names: a model that writes its calls as text makes them one by one."""
        self._made.setdefault(call, next(reversed(self._said.get(conversation, {})), ""))

    def said(self, conversation: str) -> dict[str, str]:
        """The words of a conversation by answer, oldest first."""
        return self._said.get(conversation, {})

    def answer_of(self, call: str) -> str:
        """The answer that made a call; "" if it is not known."""
        return self._made.get(call, "")

"""What the agent says with a call: the words in the answer of its model, and in those before it."""

from __future__ import annotations

from hitl_core.gate import Form, joined, with_words
from hitl_core.protocol import PauseRequest

from ..suspend import Scope


def spoken(form: Form, scope: Scope, call: str) -> Form:
    """The form of a call with the agent's own words."""
    return with_words(form, words_of(scope, call), lambda earlier: words_since(earlier, scope, call))


def words_of(scope: Scope, call: str) -> str:
    """What the model says in the answer that makes the call."""
    talk = scope.now.talk
    return talk.said(scope.conversation).get(talk.answer_of(call), "")


def words_since(earlier: PauseRequest, scope: Scope, call: str) -> str | None:
    """What the agent has said since an earlier call, this one's words included; None if that is of another
    conversation."""
    talk = scope.now.talk
    said, before, now = talk.said(scope.conversation), talk.answer_of(earlier.call), talk.answer_of(call)
    answers = list(said)
    if before not in said or now not in said or before == now:
        return None
    return joined(said[each] for each in answers[answers.index(before) + 1 : answers.index(now) + 1])

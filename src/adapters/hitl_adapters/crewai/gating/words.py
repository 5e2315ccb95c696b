"""What the agent says with a call: the words in the answer of its model, and in those before it."""

from __future__ import annotations

from hitl_core.gate import Form, joined, with_words
from hitl_core.protocol import PauseRequest

from ..suspend import Current, conversation


def spoken(form: Form, now: Current, agent: str | None, call: str) -> Form:
    """The form of a call with the agent's own words."""
    here = conversation(agent)
    now.talk.follows_from_the_last(here, call)
    return with_words(form, words_of(now, here, call), lambda earlier: words_since(earlier, now, here, call))


def words_of(now: Current, here: str, call: str) -> str:
    """What the model says in the answer that makes the call."""
    return now.talk.said(here).get(now.talk.answer_of(call), "")


def words_since(earlier: PauseRequest, now: Current, here: str, call: str) -> str | None:
    """What the agent has said since an earlier call, this one's words included; None if that is of another
    conversation."""
    said, before, after = now.talk.said(here), now.talk.answer_of(earlier.call), now.talk.answer_of(call)
    answers = list(said)
    if before not in said or after not in said or before == after:
        return None
    return joined(said[each] for each in answers[answers.index(before) + 1 : answers.index(after) + 1])

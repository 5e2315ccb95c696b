"""What an agent says: with the call that it makes, and since people asked it about an earlier one. Untrusted prose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from .forms import Form, Since

MOST_WORDS: Final = 4_000
"""Characters of what an agent says that people are shown."""


def with_words(form: Form, words: str, since: Since | None = None) -> Form:
    """The form of a call with what the agent says in the message that makes it; what the form has already, stays.

    `since` is as in Form: what it has said since an earlier call, these words included.
    """
    context = form.context
    if not context.message:
        context = context.model_copy(update={"message": words.strip()[:MOST_WORDS]})
    return replace(form, context=context, since=since)


def joined(words: Iterable[str]) -> str:
    """What was said in several messages as one text, each thing once; of too much, the newest."""
    said = dict.fromkeys(each.strip() for each in words)
    return "\n\n".join(each for each in said if each)[-MOST_WORDS:]

"""What a function raised, in our words: what people are told, what is recorded, and what its caller gets."""

from __future__ import annotations

from hitl_core.errors import CallRefused, HitlError
from hitl_core.gate import tried
from hitl_core.protocol import Failed


def in_words(error: BaseException) -> str:
    """What to tell people about an error that came out of an app."""
    return f"{error.code} {error}" if isinstance(error, HitlError) else f"{type(error).__name__}: {error}"


def failed(error: Exception) -> Failed:
    """The outcome of a guarded function that raised."""
    return Failed(in_words(error)[:4000])


def refused_after(error: Exception) -> CallRefused:
    """What its caller gets: the same as when the function runs again and the gate answers from the record."""
    return CallRefused(tried(failed(error).error))

"""Guidance: what a person says to an agent while it works. Words for its model, never a permission."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from .record import Instant, Name, Text, TopRecord
from .response import Responder

GUIDANCE_LIMIT: Final = 4_000
"""Characters that one piece of guidance may have: it is to steer, not to bring documents."""


class GuidanceState(StrEnum):
    """Where a piece of guidance stands. `dropped` means that its run ended before a safe point came."""

    QUEUED = "queued"
    CONSUMED = "consumed"
    DROPPED = "dropped"


class Guidance(TopRecord):
    """One piece of guidance for a run: who gave it, how we know that it was them, and what became of it.

    `place` is where in the run it entered the conversation, `settled_at` when it did or was dropped.
    """

    id: Name
    run_id: Name
    text: Text
    by: Responder
    given_at: Instant
    state: GuidanceState = GuidanceState.QUEUED
    place: Text = ""
    settled_at: Instant | None = None

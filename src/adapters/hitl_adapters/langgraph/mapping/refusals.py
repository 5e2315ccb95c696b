"""The two ways to say no to an answer here: it has a fault, or nobody knows what it would mean."""

from __future__ import annotations

from collections.abc import Iterable

from hitl_core.errors import Fault, PauseAmbiguous, ResponseRefused
from hitl_core.protocol import Decision

from .pause import NativePause


def not_told(decision: Decision, allowed: Iterable[object], *, why: str = "") -> ResponseRefused:
    """The code that waits has no way to be told this."""
    known = ", ".join(str(reply) for reply in allowed) or "nothing"
    reason = f" ({why})" if why else ""
    return ResponseRefused(
        [Fault("decision", f"{decision.type!r} cannot be told to this pause{reason}; it takes: {known}")]
    )


def ambiguous(pause: NativePause, why: str) -> PauseAmbiguous:
    """Says why, and shows the lines that settle it."""
    return PauseAmbiguous(f"the pause at {pause.place!r} cannot be answered safely: {why}. {registration(pause.place)}")


def registration(place: str) -> str:
    """The lines that register a codec for a place."""
    return (
        "Say what its answers mean, in hitl.toml:\n\n"
        f'[backend.options.codecs]\n"{place}" = "boolean"\n\n'
        'or { approve = "yes", reject = "no" } instead of "boolean"; or "text", "raw", or "module:name", a codec of '
        "your own"
    )

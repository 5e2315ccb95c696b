"""The pure middle of the adapter: native pause → request, decision → the value that `interrupt()` must return.

    pause ── lift(pause, codecs, sites) ──► Lifted … ── PauseRequest ── people ── decision ── lower(codec, …) ──► value

Nothing here awaits, stores or resumes. What is not certain raises PauseAmbiguous; nothing is ever guessed.
"""

from .codecs import AnyCodec, Codec, CustomCodec, boolean, fields, raw, templates, text, words
from .findings import findings, is_async
from .inference import Sites, may_pause
from .lift import lift
from .lower import CANCEL_THREAD, GO_ON, lower
from .pause import ENVELOPE, Expired, Gated, Lifted, NativePause, envelope
from .registry import Codecs

__all__ = [
    "CANCEL_THREAD",
    "ENVELOPE",
    "GO_ON",
    "AnyCodec",
    "Codec",
    "Codecs",
    "CustomCodec",
    "Expired",
    "Gated",
    "Lifted",
    "NativePause",
    "Sites",
    "boolean",
    "envelope",
    "fields",
    "findings",
    "is_async",
    "lift",
    "lower",
    "may_pause",
    "raw",
    "templates",
    "text",
    "words",
]

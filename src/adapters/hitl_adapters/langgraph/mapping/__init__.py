"""The pure middle of the adapter: native pause → request, decision → the value that `interrupt()` must return.

    pause ── lift(pause, codecs, sites) ──► Lifted … ── PauseRequest ── people ── decision ── lower(codec, …) ──► value

Nothing here awaits, stores or resumes. What is not certain raises PauseAmbiguous; nothing is ever guessed.

a pause and its answer      pause, lift, lower; rendering, shapes and schemas say how it is shown and what fits
what an answer means        codecs, registry (those that the user names), inference (those that source code shows),
                            vocabulary (the words in it)
payloads with a protocol    langchain (HumanInTheLoopMiddleware), inbox (the Agent Inbox)
a gated call                calls, messages
a graph looked through      findings, ungated, wrappers
a graph's results           output
"""

from .codecs import AnyCodec, Codec, CustomCodec, boolean, fields, raw, templates, text, words
from .findings import findings, is_async
from .inference import Sites, may_pause
from .lift import lift
from .lower import CANCEL_THREAD, GO_ON, lower
from .pause import ENVELOPE, Expired, Gated, Lifted, NativePause, envelope
from .registry import Codecs
from .ungated import room_faults

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
    "room_faults",
    "templates",
    "text",
    "words",
]

"""What the clients of other agents may do here, whichever protocol they speak: the rooms a2a and mcp stand on this.

    who calls? ─► Caller ─► Desk ─► the runtime
                   shown ◄──┘ ▲
                              └── answers

caller    who calls, and what they may do; it comes from the request's own credentials and from nothing that it says
desk      runs started, read and cancelled, and answers carried, for a caller: an agent never answers its own
shown     a request as other agents' clients are shown it; schemas: what may be sent back. Both pure
answers   what was sent back, read strictly: a typed decision, or words where words are what was asked for. Pure
authentication  a middleware that keeps out who is nobody; names as the directory of people has them
seats     how many streams one person has at once
"""

from __future__ import annotations

from .answers import Submission, in_words, read_answers
from .caller import Caller, Principal, WhoCalls
from .desk import Desk
from .schemas import schema_of
from .shown import shown, told

__all__ = [
    "Caller",
    "Desk",
    "Principal",
    "Submission",
    "WhoCalls",
    "in_words",
    "read_answers",
    "schema_of",
    "shown",
    "told",
]

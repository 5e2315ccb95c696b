"""Comments: what is said about a request beside deciding it. Shown to whoever decides, and never a vote."""

from __future__ import annotations

from typing import Final

from .record import Instant, Name, Text, TopRecord
from .response import Responder

COMMENT_LIMIT: Final = 4_000
"""Characters that one comment may have."""


class Comment(TopRecord):
    """One comment on a request. `machine`: a model's or a program's opinion, and to be shown as unverified."""

    id: Name
    request_id: Name
    text: Text
    by: Responder
    machine: bool = False
    made_at: Instant

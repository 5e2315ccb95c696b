"""A shared draft: the arguments of a call that has not run, which an agent and people change in turns."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .record import Arguments, Instant, Name, Text, TopRecord
from .response import Responder


class DraftVersion(TopRecord):
    """One version of a draft. `by` is the person who made it; without one, the agent did.

    `draft` is the id of the request that began it, `request_id` of the one in which this version came. `digest` is that
    of the action as it would run.
    """

    draft: Name
    number: Annotated[int, Field(ge=1)]
    request_id: Name
    by: Responder | None = None
    arguments: Arguments
    digest: Name
    note: Text = ""
    made_at: Instant

"""The command and the query about comments: what is said about a request beside deciding it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..protocol import Comment
from .kinds import Command, Query


@dataclass(frozen=True, slots=True)
class AddComment(Command[Comment]):
    """Keep a comment on a request that is open or frozen. Raises RequestNotFound, RequestClosed."""

    comment: Comment
    now: datetime


@dataclass(frozen=True, slots=True)
class ListComments(Query[tuple[Comment, ...]]):
    """The comments on a request, oldest first; none for a request that there is not."""

    request_id: str

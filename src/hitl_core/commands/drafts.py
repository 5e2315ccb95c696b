"""The command and the queries about shared drafts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..protocol import Arguments, DraftVersion, Responder
from .kinds import Command, Query
from .results import Settled


@dataclass(frozen=True, slots=True)
class AddVersion(Command[DraftVersion]):
    """Keep what a person made of a draft as its next version; its request stays open and nothing is decided.

    `base` is the version that they started from. Raises RequestNotFound, RequestClosed, RequestExpired, DraftMoved if
    there is a newer version than `base`, or ResponseRefused for a request that has no draft.
    """

    request_id: str
    base: int
    arguments: Arguments
    by: Responder
    note: str
    now: datetime


@dataclass(frozen=True, slots=True)
class ListVersions(Query[tuple[DraftVersion, ...]]):
    """The versions of a draft, oldest first; none for an id that is none of a draft."""

    draft: str


@dataclass(frozen=True, slots=True)
class ListAsked(Query[tuple[Settled, ...]]):
    """What was asked about calls of one tool in a run, newest first, up to `limit`."""

    run_id: str
    tool: str
    limit: int = 50

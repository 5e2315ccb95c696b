"""The command and the query about transcripts: what was said in a thread."""

from __future__ import annotations

from dataclasses import dataclass

from ..protocol import Said
from .kinds import Command, Query
from .results import Page


@dataclass(frozen=True, slots=True)
class KeepSaid(Command[int]):
    """Keep messages of a run in its thread, in this order behind those that are there.

    One whose id its thread has already is joined with that: so it is harmless to say it again. Nothing of an erased run
    is kept. Returns how many messages were new or have changed. Raises RunNotFound.
    """

    run_id: str
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class ListSaid(Query[Page[Said]]):
    """What was said in a thread, oldest first. `tenant` keeps what was said in its runs; None: of all tenants.

    `run_id` keeps what was first said in that run, `id` the message of that id. An app's state (`Role.STATE`) comes by
    its `id` only.
    """

    thread: str
    tenant: str | None = None
    limit: int = 200
    cursor: str | None = None
    run_id: str | None = None
    id: str | None = None

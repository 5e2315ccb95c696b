"""What the store knows of one run, as it is handed to the account."""

from __future__ import annotations

from dataclasses import dataclass

from ...commands import Effect, Override, Settled
from ...protocol import AuditEntry, Comment, DraftVersion, Grant, Guidance, Run, Undoing


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. `asked` has its notices too; `entries` are its lines of the trail, `elsewhere` those of others that may
    be about it: stops, and what was refused to people. `grants` are those that something in it has begun under."""

    run: Run
    asked: tuple[Settled, ...] = ()
    effects: tuple[Effect, ...] = ()
    guidance: tuple[Guidance, ...] = ()
    versions: tuple[DraftVersion, ...] = ()
    comments: tuple[Comment, ...] = ()
    overrides: tuple[Override, ...] = ()
    undos: tuple[Undoing, ...] = ()
    grants: tuple[Grant, ...] = ()
    entries: tuple[AuditEntry, ...] = ()
    elsewhere: tuple[AuditEntry, ...] = ()

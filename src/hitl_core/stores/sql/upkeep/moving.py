"""What moves from one store to another: every row of these tables, under its own key, and the trail line by line.

Ids that are no UUID are text for one engine and bytes for another (tables/identity.py); all else is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from ....audit import Chain, Custody, Verifier
from ....audit.report import Fault, Report
from ....commands import ReadAudit
from ....errors import StoreError
from ....protocol import AuditEvent, micros
from ..reading import trail
from ..tables import Line, Tip, View

AT_ONCE: Final = 1_000
"""Rows, or lines, that are read in one go."""


class Table(NamedTuple):
    """A table, its columns that hold ids, and those that are of no use elsewhere."""

    name: str
    ids: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


TABLES: Final = (
    Table("hitl_apps"),
    Table("hitl_audiences"),
    Table("hitl_origins"),
    Table("hitl_bodies"),
    Table("hitl_grants", ("id",)),
    Table("hitl_runs", ("id", "thread")),
    Table("hitl_woken"),
    # `room` is what a row of SQLite keeps free in itself.
    Table("hitl_requests", ("id",), ("room",)),
    Table("hitl_votes"),
    Table("hitl_timers"),
    Table("hitl_comments", ("id",)),
    Table("hitl_drafts", ("draft",)),
    Table("hitl_effects"),
    Table("hitl_journal"),
    Table("hitl_guidance", ("id",)),
    Table("hitl_overrides"),
    Table("hitl_said", ("thread", "id")),
    Table("hitl_undone"),
    Table("hitl_past"),
    Table("hitl_grant_uses"),
    Table("hitl_assigned"),
    Table("hitl_stops"),
    Table("hitl_slips"),
    Table("hitl_audit", ("subject",)),
    Table("hitl_apart"),
)
"""In an order in which each row finds what it refers to. Not among them: what one process says of itself."""

NOT_MOVED: Final = ("hitl_store", "hitl_workers", "hitl_quotas")


class Rows(NamedTuple):
    """All rows of a table, under the names of their columns."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


class Leaving(Protocol):
    """A store that is being moved away from: nobody else writes to it until that is done, or given up."""

    @property
    def url(self) -> str: ...

    @property
    def custody(self) -> Custody: ...

    def rows(self, table: Table) -> Rows: ...

    def view(self) -> View: ...

    def close_for_good(self, target: str, token: str) -> None: ...


class Moved(NamedTuple):
    """How many lines the trail had, and how many rows there were."""

    lines: int
    rows: int


def verified(view: View, custody: Custody) -> Report:
    """The trail, read to its end. Raises StoreError unless it is as it was sealed; it need not be anchored."""
    verifier, after = Verifier(custody), 0
    while True:
        page = trail.read_audit(view, ReadAudit(after, AT_ONCE))
        verifier.feed(page.items)
        if page.cursor is None:
            break
        after = int(page.cursor)
    report = verifier.report()
    faults = [each for each in report.findings if each.fault is not Fault.NO_ANCHORS]
    if faults:
        raise StoreError(f"the audit trail is not as it was sealed, so nothing is moved: {faults[0]}")
    return report


def hand_over(custody: Custody, tip: Tip, now: datetime) -> tuple[Line, Tip]:
    """The line with which the trail goes on elsewhere, and where it ends then."""
    body = json.dumps({"lines": tip.size, "tip": tip.mac.hex()}, separators=(",", ":"))
    line = Line(micros(now), AuditEvent.STORE_MOVED, custody.origin, "store", body, None)
    mac = Chain(custody.secret, custody.origin).seal(tip.mac, tip.size + 1, *line[:5])
    return line, Tip(tip.size + 1, mac)

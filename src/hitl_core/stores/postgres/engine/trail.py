"""The audit trail among many writers: each writes its lines raw, in its own transaction, and one links them behind it.

A raw line carries a mark, made with the key that is not in the database: whoever writes one there, or changes one
before it is sealed, cannot make it. It names the line, so that none is sealed twice.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Any, Final

from ....audit import Chain, Custody
from ....clock import SystemClock
from ....errors import StoreUnavailable
from ....protocol import AuditEvent, micros
from ...sql.tables import Line, Tip, column, text
from ..server import Numbers, PostgresLink
from .locks import number

log = logging.getLogger("hitl_core.stores")

BATCH: Final = 1_000
"""Lines that are sealed in one go."""

WRITE: Final = """INSERT INTO hitl_raw (line, at, event, subject, actor, body, run, kept, mark)
    VALUES (?, ?, ?, ?, ?, ?, ?, CAST(? AS JSONB), ?)"""

_LOCK: Final = "SELECT pg_advisory_xact_lock(?)"
_TIP: Final = "SELECT seq, mac FROM hitl_audit ORDER BY seq DESC LIMIT 1"
_RAW: Final = """SELECT line, at, event, subject, actor, body, kept, mark FROM hitl_raw WHERE NOT refused
    ORDER BY key LIMIT ?"""

# The server moves what it has: a line that is changed meanwhile does not fit its seal.
_SEAL: Final = """WITH sealed AS
        (SELECT * FROM unnest(?1::bigint[], ?2::bytea[]) WITH ORDINALITY AS s (line, mac, place)),
    gone AS (DELETE FROM hitl_raw r USING sealed s WHERE r.line = s.line RETURNING r.*, ?3 + s.place AS seq, s.mac),
    apart AS (INSERT INTO hitl_apart (line, place, salt, value, person, erased)
        SELECT g.seq, k.place - 1, decode(k.said ->> 0, 'hex'), k.said ->> 1, k.said ->> 2, (k.said ->> 3)::bigint
        FROM gone g, jsonb_array_elements(g.kept) WITH ORDINALITY AS k (said, place))
    INSERT INTO hitl_audit (seq, at, event, subject, actor, body, mac, run, line)
    SELECT seq, at, event, subject, actor, body, mac, run, line FROM gone"""

_REFUSE: Final = "UPDATE hitl_raw SET refused = TRUE WHERE line = ANY(?)"


class Trail:
    """What one process does with the trail of one store."""

    def __init__(self, custody: Custody, numbers: Numbers) -> None:
        self._chain = Chain(custody.secret, custody.origin)
        self._marks = Chain(custody.secret, custody.origin, purpose="raw")
        self._lock = number(custody.origin, "trail")
        self._numbers = numbers

    def write(self, link: PostgresLink, lines: Sequence[Line], references: Mapping[int, int]) -> None:
        """Write lines raw, in the transaction of what they tell about. `references`: some have a number by which they
        are referred to, by their place.
        """
        link.many(WRITE, [self._row(link, line, references.get(place)) for place, line in enumerate(lines)])

    def drain(self, link: PostgresLink) -> Tip:
        """Seal all lines that are committed, or of this transaction; returns where the trail ends now.

        Until the end of the transaction nobody else seals.
        """
        before, tip = None, self.tip(link)
        while tip != before:
            before, tip = tip, self.some(link, tip)
        return tip

    def tip(self, link: PostgresLink) -> Tip:
        """Where the trail ends, and until the end of the transaction does."""
        link.execute(_LOCK, (self._lock,))
        found = link.execute(_TIP).fetchone()
        return Tip(0, Chain.genesis) if found is None else Tip(*found)

    def anything(self, link: PostgresLink) -> bool:
        """Whether a line is committed and not sealed yet."""
        return link.execute("SELECT 1 FROM hitl_raw WHERE NOT refused LIMIT 1").fetchone() is not None

    def some(self, link: PostgresLink, tip: Tip) -> Tip:
        """Seal some lines, in the order in which they were written; one that commits late comes later."""
        rows = link.execute(_RAW, (BATCH,)).fetchall()
        if refused := [row for row in rows if not self._is_whole(row)]:
            self._refuse(link, refused)
            return self.some(link, tip)
        macs, now = [], tip
        for _, at, event, subject, actor, body, *_ in rows:
            size = now.size + 1
            now = Tip(size, self._chain.seal(now.mac, size, at, event, text(subject), actor, body))
            macs.append(now.mac)
        if not rows:
            return tip
        moved = link.execute(_SEAL, ([row[0] for row in rows], macs, tip.size)).rowcount
        if moved != len(rows):
            raise StoreUnavailable(f"{len(rows) - moved} audit lines were taken away while they were being sealed")
        return now

    # ── marks ────────────────────────────────────────────────────────────────────────────────────────────────

    def _row(self, link: PostgresLink, line: Line, reference: int | None) -> tuple[Any, ...]:
        number = self._numbers.take(link) if reference is None else reference
        at, event, subject, actor, body, run, kept = line
        told = _told([_said(*each) for each in kept] or None)
        mark = self._mark(number, at, event, subject, actor, body, told)
        return number, at, event, column(subject), actor, body, run, told, mark

    def _mark(self, line: int, at: int, event: str, subject: str, actor: str, body: str, told: str | None) -> bytes:
        """Also of what is kept apart: what stands there otherwise could not be moved, nor anything behind it."""
        mark = self._marks.seal(Chain.genesis, line, at, event, subject, actor, body)
        return mark if told is None else self._marks.seal(mark, line, at, event, subject, actor, told)

    def _is_whole(self, row: tuple[Any, ...]) -> bool:
        line, at, event, subject, actor, body, kept, mark = row
        return compare_digest(self._mark(line, at, event, text(subject), actor, body, _told(kept)), mark)

    def _refuse(self, link: PostgresLink, rows: list[tuple[Any, ...]]) -> None:
        """They stay where they are, and that they were found is sealed."""
        names = [row[0] for row in rows]
        log.error("audit lines %s are not as they were written, and are not sealed", names)
        link.execute(_REFUSE, (names,))
        now = micros(SystemClock().now())
        body = json.dumps({"what": "audit line"})
        self.write(link, [Line(now, AuditEvent.ROW_DAMAGED, str(each), "store", body, None) for each in names], {})


def _told(kept: Any) -> str | None:
    """What is kept apart from a line, as text; the same before it is stored and after."""
    return None if kept is None else json.dumps(kept, ensure_ascii=False)


def _said(salt: bytes | None, value: str, of: str | None, erased: int | None) -> list[Any]:
    return [None if salt is None else salt.hex(), value, of, erased]

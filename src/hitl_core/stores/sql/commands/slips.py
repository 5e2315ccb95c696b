"""Slips: kept, used once, taken when their time has come, and dropped; each a row of its own, compared and set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, cast

from ....commands import (
    ChangeSlip,
    DropSlips,
    GetSlip,
    KeepMessages,
    ListSlips,
    Page,
    PruneSlips,
    PutSlip,
    Slip,
    SlipKind,
    TakeSlips,
    UseSlip,
)
from ....errors import RowCorrupt
from ....protocol import Json, instant, micros
from ..tables import Row, Transaction, View, bodies, key_of

_SELECT: Final = """SELECT s.key, s.kind, s.name, s.created, s.tenant, s.person, s.subject, s.due, s.expires, s.used,
    b.digest, b.data FROM hitl_slips s LEFT JOIN hitl_bodies b ON b.key = s.body
    WHERE s.kind = ? AND (s.expires IS NULL OR s.expires > ?)"""

_INSERT: Final = """INSERT INTO hitl_slips (kind, name, created, tenant, person, subject, due, expires, used, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_COUNTS: Final = "kind = ? AND name = ? AND used IS NULL AND (expires IS NULL OR expires > ?)"


def put_slip(txn: Transaction, command: PutSlip) -> Slip:
    slip = command.slip
    _forget(txn, "kind = ? AND name = ? AND expires <= ?", (slip.kind, slip.key, micros(command.now)))
    found = _find(txn, slip.kind, slip.key, command.now)
    if found is not None:
        return found
    times = (_micros(slip.due), _micros(slip.expires), _micros(slip.used_at))
    about = (slip.kind, slip.key, micros(slip.created_at), slip.tenant, slip.person, slip.subject)
    txn.link.insert(_INSERT, (*about, *times, bodies.put(txn, _packed(slip.body))))
    if command.note is not None:
        txn.write(command.note, command.now)
    return slip


def keep_messages(txn: Transaction, command: KeepMessages) -> None:
    for message in command.messages:
        put_slip(txn, PutSlip(message, command.now))
    for request in command.told:
        _forget(txn, "kind = ? AND name = ?", (SlipKind.UNTOLD, request))


def untold(txn: Transaction, request: str, due: datetime | None, now: datetime) -> None:
    """Note that people are to be told of a request; `due` is when it is looked whether they were, None if never."""
    if due is not None:
        put_slip(txn, PutSlip(Slip(SlipKind.UNTOLD, request, now, tenant="", subject=request, due=due), now))


def use_slip(txn: Transaction, command: UseSlip) -> Slip | None:
    sql = f"UPDATE hitl_slips SET used = ? WHERE {_COUNTS}"  # noqa: S608
    given: tuple[Any, ...] = (micros(command.now), command.kind, command.key, micros(command.now))
    if command.due is not None:
        sql, given = f"{sql} AND due = ?", (*given, micros(command.due))
    if not txn.execute(sql, given).rowcount:
        return None
    if command.note is not None:
        txn.write(command.note, command.now)
    return _find(txn, command.kind, command.key, command.now)


_CHANGE: Final = f"""UPDATE hitl_slips SET due = COALESCE(?, due), expires = COALESCE(?, expires)
    WHERE {_COUNTS} RETURNING body"""  # noqa: S608


def change_slip(txn: Transaction, command: ChangeSlip) -> Slip | None:
    times = (_micros(command.due), _micros(command.expires))
    found = txn.one(_CHANGE, *times, command.kind, command.key, micros(command.now))
    if found is None:
        return None
    if command.body is not None:
        bodies.replace(txn, found[0], _packed(command.body))
    return _find(txn, command.kind, command.key, command.now)


# ── those whose time has come ────────────────────────────────────────────────────────────────────────────────

_DUE: Final = f"{_SELECT} AND s.due <= ? AND s.used IS NULL ORDER BY s.due, s.key LIMIT ?"

_ANY_DUE: Final = """SELECT 1 FROM hitl_slips WHERE kind = ? AND due <= ? AND used IS NULL
    AND (expires IS NULL OR expires > ?) LIMIT 1"""


def anything_due(view: View, command: TakeSlips) -> bool:
    return view.one(_ANY_DUE, command.kind, micros(command.now), micros(command.now)) is not None


def take_slips(txn: Transaction, command: TakeSlips) -> tuple[Slip, ...]:
    given = (command.kind, micros(command.now), micros(command.now), command.limit)
    rows = txn.execute(f"{_DUE}{txn.unless_locked('s')}", given).fetchall()
    until = micros(command.until)
    txn.link.many("UPDATE hitl_slips SET due = ? WHERE key = ?", [(until, row[0]) for row in rows])
    return tuple(_legible(txn, rows))


# ── forgetting ───────────────────────────────────────────────────────────────────────────────────────────────


def drop_slips(txn: Transaction, command: DropSlips) -> int:
    about = {"name": command.key, "person": command.person, "subject": command.subject}
    named = {column: value for column, value in about.items() if value is not None}
    if not named:
        return 0
    where = " AND ".join(("kind = ?", *(_narrow(column) for column in named)))
    dropped = sum(
        end is None or end > micros(command.now) for end in _forget(txn, where, (command.kind, *named.values()))
    )
    if dropped and command.note is not None:
        txn.write(command.note, command.now)
    return dropped


def prune_slips(txn: Transaction, command: PruneSlips) -> int:
    return len(_forget(txn, "expires <= ? ORDER BY expires LIMIT ?", (micros(command.now), command.limit)))


def forget_slips(txn: Transaction, where: str, given: tuple[Any, ...]) -> int:
    """Delete the slips of which this is true, and what they hold; returns how many."""
    return len(_forget(txn, where, given))


def _forget(txn: Transaction, where: str, given: tuple[Any, ...]) -> list[int | None]:
    """Delete slips, each once; returns when they would have ended."""
    gone: list[int | None] = []
    for key, body in txn.execute(f"SELECT key, body FROM hitl_slips WHERE {where}", given).fetchall():  # noqa: S608
        deleted = txn.execute("DELETE FROM hitl_slips WHERE key = ? RETURNING expires", (key,)).fetchall()
        txn.execute("DELETE FROM hitl_bodies WHERE key = ?", (body,))
        gone += [end for (end,) in deleted]  # none where somebody else was quicker
    return gone


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────


def get_slip(view: View, query: GetSlip) -> Slip | None:
    return _find(view, query.kind, query.key, query.now)


def list_slips(view: View, query: ListSlips) -> Page[Slip]:
    about = {"person": query.person, "tenant": query.tenant, "subject": query.subject}
    named = {column: value for column, value in about.items() if value is not None}
    sql, given = _SELECT, [query.kind, micros(query.now), *named.values()]
    sql += "".join(f" AND {_narrow(column, 's.')}" for column in named)
    if query.cursor is not None:
        sql, given = f"{sql} AND s.key < ?", [*given, key_of(query.cursor)]
    rows = view.execute(f"{sql} ORDER BY s.key DESC LIMIT ?", (*given, query.limit)).fetchall()
    return Page(tuple(_legible(view, rows)), str(rows[-1][0]) if rows and len(rows) == query.limit else None)


def _narrow(column: str, of: str = "") -> str:
    """A condition on a column. Of those with a partial index it says in its words that it is not empty."""
    partial = f" AND {of}{column} <> ''" if column in ("person", "subject") else ""
    return f"{of}{column} = ?{partial}"


def _find(view: View, kind: SlipKind, name: str, now: datetime) -> Slip | None:
    """Raises RowCorrupt."""
    found = view.one(f"{_SELECT} AND s.name = ?", kind, micros(now), name)
    return None if found is None else _slip(found)


def _legible(view: View, rows: Sequence[Row]) -> Iterator[Slip]:
    for row in rows:
        try:
            yield _slip(row)
        except RowCorrupt as exc:
            view.skip("slip", row[2], exc)


def _slip(row: Row) -> Slip:
    _, kind, name, created, tenant, person, subject, due, expires, used, digest, data = row
    body = cast("dict[str, Json]", bodies.decode(digest, data, what=f"slip {name}"))
    times = {"due": _instant(due), "expires": _instant(expires), "used_at": _instant(used)}
    return Slip(SlipKind(kind), name, instant(created), tenant, person, subject, body, **times)


def _packed(body: dict[str, Json]) -> bodies.Body:
    return bodies.pack(cast("Json", body), what="slip", limit=bodies.REQUEST_LIMIT)


def _micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def _instant(at: int | None) -> datetime | None:
    return None if at is None else instant(at)

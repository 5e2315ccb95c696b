"""Transcripts: the messages of a thread, each once under its id. A message that grows is written anew in its place."""

from __future__ import annotations

from typing import Final

from ....commands import Claimed, KeepSaid, ListSaid, OpenRun, Page
from ....errors import RowCorrupt
from ....protocol import Role, Said
from ..commands import find, is_erased, runs
from ..tables import Row, RunRow, Transaction, View, bodies, checked, column, key_of, text, unpack

_KNOWN: Final = """SELECT s.body, b.digest, b.data FROM hitl_said s LEFT JOIN hitl_bodies b ON b.key = s.body
    WHERE s.thread = ? AND s.tenant = ? AND s.id = ?"""

_INSERT: Final = "INSERT INTO hitl_said (run, thread, tenant, id, body) VALUES (?, ?, ?, ?, ?)"

_LIST: Final = """SELECT s.key, s.id, b.digest, b.data FROM hitl_said s LEFT JOIN hitl_bodies b ON b.key = s.body
    WHERE s.thread = ? AND s.key > ?"""


def open_run(txn: Transaction, command: OpenRun) -> Claimed:
    """A new run, with what was said to begin it."""
    claimed = runs.open_run(txn, command)
    if command.said:
        keep_said(txn, KeepSaid(command.run.id, command.said))
    return claimed


_OF_TENANT: Final = " AND s.tenant = ?"
_OF_RUN: Final = " AND s.run = (SELECT key FROM hitl_runs WHERE id = ?)"
_OF_ID: Final = " AND s.id = ?"


def keep_said(txn: Transaction, command: KeepSaid) -> int:
    row = find(txn, command.run_id)
    if is_erased(row):
        return 0
    return sum(_kept(txn, row, each) for each in command.said)


def _kept(txn: Transaction, row: RunRow, said: Said) -> bool:
    """Keep one message; whether that has changed anything. One that is there and damaged is written anew."""
    place = (row.thread, row.tenant, column(said.id))
    found = txn.one(_KNOWN, *place)
    if found is None:
        txn.link.insert(_INSERT, (row.key, *place, bodies.put(txn, _packed(said))))
        return True
    key, *stored = found
    try:
        known: Said | None = _record(said.id, *stored)
    except RowCorrupt as exc:
        txn.skip("message", said.id, exc)
        known = None
    joined = said if known is None else known.joined(said)
    if joined == known:
        return False
    bodies.replace(txn, key, _packed(joined))
    return True


def list_said(view: View, query: ListSaid) -> Page[Said]:
    tenant = () if query.tenant is None else (query.tenant,)
    run = () if query.run_id is None else (column(query.run_id),)
    id = () if query.id is None else (column(query.id),)
    sql = f"{_LIST}{_OF_TENANT * len(tenant)}{_OF_RUN * len(run)}{_OF_ID * len(id)} ORDER BY s.key LIMIT ?"
    given = (column(query.thread), key_of(query.cursor or "0"), *tenant, *run, *id, query.limit)
    rows = view.execute(sql, given).fetchall()
    cursor = str(rows[-1][0]) if len(rows) == query.limit and rows else None
    said = _readable(view, rows)
    return Page(tuple(each for each in said if query.id is not None or each.role is not Role.STATE), cursor)


def _readable(view: View, rows: list[Row]) -> list[Said]:
    found = []
    for _, name, digest, data in rows:
        try:
            found.append(_record(text(name), digest, data))
        except RowCorrupt as exc:
            view.skip("message", text(name), exc)
    return found


def _record(name: str, digest: bytes | None, data: bytes | None) -> Said:
    return Said.model_validate_json(unpack(checked(digest, data, what="message", of=name)))


def _packed(said: Said) -> bodies.Body:
    return bodies.pack_text(said.to_json(), what="message", limit=bodies.RESULT_LIMIT)

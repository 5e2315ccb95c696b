"""Erasing a run: its rows stay, with empty records in them, and the names and texts of its part of the trail go."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from pydantic import ValidationError

from ....commands import EraseRun, ListErasable
from ....errors import RowCorrupt, RunBusy
from ....protocol import (
    Action,
    AuditEvent,
    Grant,
    Guidance,
    Json,
    PauseRequest,
    Record,
    Response,
    Run,
    RunState,
    micros,
)
from ..commands import current, find, is_erased
from ..tables import RUN as SELECT_RUN
from ..tables import RunRow, Transaction, View, apart, bodies, checked, column, emptied, text, unpack
from . import slips


def erase_run(txn: Transaction, command: EraseRun) -> Run:
    row = find(txn, command.run_id)
    if not RunState(row.state).over:
        raise RunBusy(f"run {row.name!r} is {row.state}; only a run that is over can be erased: cancel it first")
    if is_erased(row):
        return current(txn, row)
    undos = [RunRow.of(found) for found in txn.execute(_UNDOS, (row.name,)).fetchall()]
    for each in undos:
        if not RunState(each.state).over:
            raise RunBusy(f"run {each.name!r}, which undoes run {row.name!r}, is {each.state}; cancel it first")
    txn.erases = True
    for each in (row, *undos):
        if not is_erased(each):
            _erase(txn, each, command)
    return current(txn, find(txn, command.run_id))


_UNDOS: Final = f"""{SELECT_RUN} WHERE json_extract(r.more, '$.undoes') = ?
    AND json_extract(r.more, '$.undoes') IS NOT NULL"""
"""The runs that undo a run: what was said in it is in them too."""

BEING_UNDONE: Final = """SELECT json_extract(more, '$.undoes') FROM hitl_runs
    WHERE json_extract(more, '$.undoes') IS NOT NULL AND state NOT IN ('completed', 'cancelled')"""


def erasable(view: View, query: ListErasable) -> tuple[str, ...]:
    at_work = [column(undone) for (undone,) in view.execute(BEING_UNDONE, ()).fetchall()]
    sql = f"""SELECT id FROM hitl_runs WHERE state IN ('completed', 'cancelled') AND updated < ?
        AND (more IS NULL OR json_extract(more, '$.erased') IS NULL)
        AND id NOT IN ({", ".join("?" * len(at_work))}) ORDER BY updated, key LIMIT ?"""  # noqa: S608
    found = view.execute(sql, (micros(query.before), *at_work, query.limit)).fetchall()
    return tuple(text(name) for (name,) in found)


def _erase(txn: Transaction, row: RunRow, command: EraseRun) -> None:
    asked = _emptied(txn, "SELECT body FROM hitl_requests WHERE run = ?", row.key, PauseRequest, emptied.request)
    _emptied(txn, "SELECT response FROM hitl_requests WHERE run = ?", row.key, Response, emptied.response)
    _emptied(txn, _VOTES, row.key, Response, emptied.response)
    _emptied(txn, "SELECT body FROM hitl_guidance WHERE run = ?", row.key, Guidance, emptied.guidance)
    done = _emptied(txn, "SELECT action FROM hitl_effects WHERE run = ?", row.key, Action, emptied.action)
    _emptied(txn, f"SELECT body FROM hitl_grants WHERE {_FOR_RUN}", row.key, Grant, emptied.grant)  # noqa: S608
    for held in _DROPPED:
        txn.execute(f"DELETE FROM hitl_bodies WHERE key IN ({held})", (row.key,))  # noqa: S608
    for statement in _CLEARED:
        txn.execute(statement, (row.key,))
    slips.of_run(txn, row)
    inside = apart.inside_of_run(txn, row.key)
    told: dict[str, Json] = {
        "reason": command.reason,
        "authenticated_by": command.authenticated_by,
        "retention": command.retention,
        "requests": asked,
        "effects": done,
        "apart": apart.erase_of_run(txn, row.key),
        "inside": inside,
    }
    left: dict[str, Json] = {"undoes": row.undoes} if row.undoes else {}
    mark: dict[str, Json] = {"at": command.now.isoformat(), "by": command.by, "retention": command.retention}
    left["erased"] = {**mark, "inside": inside} if inside else mark
    txn.execute(_RUN, (json.dumps(left), row.key))
    txn.note(AuditEvent.RUN_ERASED, row.name, command.by, command.now, told, run=row.key)


# Grants that are for this run alone; as it is over, they let nothing run any more.
_FOR_RUN: Final = "id IN (SELECT subject FROM hitl_audit WHERE run = ? AND event = 'grant.given')"

_VOTES: Final = "SELECT body FROM hitl_votes WHERE request IN (SELECT key FROM hitl_requests WHERE run = ?)"

_OF_RUN: Final = "draft IN (SELECT id FROM hitl_requests WHERE run = ?)"

_DROPPED: Final = (
    "SELECT result FROM hitl_effects WHERE run = ?",
    "SELECT body FROM hitl_journal WHERE run = ?",
    "SELECT input FROM hitl_runs WHERE key = ?",
    "SELECT checkpoint FROM hitl_runs WHERE key = ?",
    "SELECT output FROM hitl_runs WHERE key = ?",
    "SELECT tools FROM hitl_runs WHERE key = ?",
    "SELECT original FROM hitl_overrides WHERE run = ?",
    f"SELECT body FROM hitl_drafts WHERE {_OF_RUN}",  # noqa: S608
    "SELECT body FROM hitl_comments WHERE request IN (SELECT key FROM hitl_requests WHERE run = ?)",
    "SELECT body FROM hitl_overrides WHERE run = ?",
    "SELECT body FROM hitl_said WHERE run = ?",
)
"""Bodies of which nothing is left."""

_CLEARED: Final = (
    """UPDATE hitl_votes SET responder = '(erased) ' || CAST(body AS TEXT)
        WHERE request IN (SELECT key FROM hitl_requests WHERE run = ?)""",
    "UPDATE hitl_requests SET why = NULL WHERE run = ?",
    # Without its end there is no receipt either: nobody takes back what is not known any more.
    "UPDATE hitl_effects SET result = NULL, error = NULL, ended = NULL WHERE run = ?",
    "DELETE FROM hitl_overrides WHERE run = ?",
    f"DELETE FROM hitl_drafts WHERE {_OF_RUN}",  # noqa: S608
    "DELETE FROM hitl_comments WHERE request IN (SELECT key FROM hitl_requests WHERE run = ?)",
    "UPDATE hitl_requests SET draft = NULL WHERE run = ?",
    "DELETE FROM hitl_journal WHERE run = ?",
    "DELETE FROM hitl_said WHERE run = ?",
    f"UPDATE hitl_grants SET revoked_by = '(erased)' WHERE revoked_by IS NOT NULL AND {_FOR_RUN}",  # noqa: S608
)

_RUN: Final = """UPDATE hitl_runs SET input = NULL, checkpoint = NULL, output = NULL, error = NULL, started_by = NULL,
    tools = NULL, thread = id, more = ? WHERE key = ?"""


def _emptied(txn: Transaction, keys: str, run: int, record: type[Record], empty: Callable[[Any], Record]) -> int:
    """Put an emptied record in the place of each body. Of one that cannot be read nothing is left at all."""
    found = txn.execute(f"SELECT key, digest, data FROM hitl_bodies WHERE key IN ({keys})", (run,)).fetchall()  # noqa: S608
    for key, digest, data in found:
        try:
            made = empty(record.model_validate_json(unpack(checked(digest, data, what=record.__name__))))
        except (RowCorrupt, ValidationError):
            txn.execute("DELETE FROM hitl_bodies WHERE key = ?", (key,))
            continue
        bodies.replace(txn, key, bodies.pack_text(made.to_json(), what=record.__name__, limit=bodies.REQUEST_LIMIT))
    return len(found)

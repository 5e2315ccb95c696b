"""Rows of runs and effects, and the records that they are read as. Requests have a file of their own (settled.py)."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self, TypeVar

from pydantic import TypeAdapter, ValidationError

from ....commands import Effect, Lease
from ....errors import RowCorrupt
from ....lifecycle import ActionState
from ....protocol import Action, ClientTool, EffectMode, Json, PauseRequest, Run, RunState, instant
from .bodies import checked, decode, get, unpack
from .identity import column, text
from .view import View

W = TypeVar("W", bound=StrEnum)


def word(kind: type[W], stored: str, what: str, of: bytes | str) -> W:
    """A stored word as what it stands for. Raises RowCorrupt, saying `what` `of` which id."""
    try:
        return kind(stored)
    except ValueError as exc:
        raise RowCorrupt(f"the state of {what} {text(of)} is {stored!r}, which is none; it is not used") from exc


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────

_COLUMNS: Final = """SELECT r.key, r.id, CASE WHEN w.run IS NULL THEN r.state ELSE 'ready' END, a.backend, a.app,
    a.version, a.tenant, r.thread, r.started_by, r.created, COALESCE(w.at, r.updated), r.attempts, r.turns, r.fence,
    r.owner, r.until, r.input, r.checkpoint, r.output, r.error, r.more, r.tries, r.tools,
    a.key, a.format"""

RUN: Final = f"""{_COLUMNS} FROM hitl_runs r JOIN hitl_apps a ON a.key = r.app
    LEFT JOIN hitl_woken w ON w.app = r.app AND w.run = r.key"""

READY: Final = f"""{_COLUMNS} FROM hitl_woken w CROSS JOIN hitl_runs r ON r.key = w.run
    JOIN hitl_apps a ON a.key = w.app"""
"""The same, of ready runs only; CROSS JOIN is SQLite's word for "in this order"."""


class RunRow(NamedTuple):
    """A run as stored; `input`, `checkpoint`, `output` and `tools` are keys of bodies.

    `owner` is also there if the last turn never ended, and `until` also if a turn that broke is tried again then.
    """

    key: int
    id: bytes | str
    state: str
    backend: str
    app: str
    app_version: str
    tenant: str
    thread: bytes | str
    started_by: str | None
    created: int
    updated: int
    attempts: int
    turns: int
    fence: int
    owner: str | None
    until: int | None
    input: int | None
    checkpoint: int | None
    output: int | None
    error: str | None
    more: str | None
    tries: int
    tools: int | None
    app_key: int
    format: str

    @classmethod
    def of(cls, found: tuple[Any, ...]) -> Self:
        """Raises RowCorrupt for a state that does not exist."""
        row = cls._make(found)
        word(RunState, row.state, "run", row.id)
        return row

    @property
    def name(self) -> str:
        return text(self.id)

    @property
    def undoes(self) -> str | None:
        """The run that this one undoes."""
        return None if self.more is None else json.loads(self.more).get("undoes")

    @property
    def told(self) -> tuple[int | None, ...]:
        """The bodies that are in its record."""
        return self.input, self.output, self.tools

    @property
    def lease(self) -> Lease:
        return Lease(self.name, self.owner or "", self.fence, instant(self.until or 0))


def run_record(view: View, row: RunRow, pending: tuple[PauseRequest, ...] = ()) -> Run:
    """The Run of a row. Raises RowCorrupt. Its bodies are JSON that was checked when it was stored: not once more."""
    try:
        run = _run(row, pending)
    except (ValueError, OverflowError) as exc:
        raise illegible("run", row.id, exc) from exc
    if row.told == (None, None, None):
        return run
    input = get(view, row.input, what=f"input of run {row.name}")
    output = get(view, row.output, what=f"output of run {row.name}")
    return run.model_copy(update={"input": input, "output": output, "tools": _tools(view, row)})


def _tools(view: View, row: RunRow) -> tuple[ClientTool, ...]:
    if row.tools is None:
        return ()
    found = get(view, row.tools, what=f"tools of run {row.name}")
    try:
        return _TOOLS.validate_python(found)
    except ValidationError as exc:
        raise illegible("run", row.id, exc) from exc


_TOOLS: Final = TypeAdapter(tuple[ClientTool, ...])


_REMEMBERED: Final = """SELECT j.name, b.digest, b.data FROM hitl_journal j LEFT JOIN hitl_bodies b ON b.key = j.body
    WHERE j.run = (SELECT key FROM hitl_runs WHERE id = ?) ORDER BY j.key"""


def ahead_of_remembered(view: View, run: str) -> None:
    """The journal of a run will be asked for soon."""
    view.link.ahead(_REMEMBERED, (column(run),))


def remembered(view: View, run: str) -> dict[str, Json]:
    """The journal of a run: what it has remembered, by key. Raises RowCorrupt."""
    rows = view.execute(_REMEMBERED, (column(run),)).fetchall()
    return {name: decode(digest, data, what=f"journal value {name!r}") for name, digest, data in rows}


def illegible(what: str, of: bytes | str, because: Exception) -> RowCorrupt:
    """What is to be raised for a row whose columns cannot be what was stored: they have no digest."""
    return RowCorrupt(f"the row of {what} {text(of)} is damaged; it is not used. Restore it from a backup: {because}")


def _run(row: RunRow, pending: tuple[PauseRequest, ...]) -> Run:
    return Run(
        id=row.name,
        state=word(RunState, row.state, "run", row.id),
        backend=row.backend,
        app=row.app,
        app_version=row.app_version,
        thread=text(row.thread),
        tenant=row.tenant,
        started_by=row.started_by,
        error=row.error or "",
        attempts=row.attempts,
        tries=row.tries,
        retry_at=instant(row.until) if row.state == RunState.READY and row.until is not None else None,
        checkpoint_format=row.format,
        created_at=instant(row.created),
        updated_at=instant(row.updated),
        pending=pending,
        **(json.loads(row.more) if row.more else {}),
    )


# ── effects ──────────────────────────────────────────────────────────────────────────────────────────────────

EFFECT: Final = """SELECT e.key, e.call, e.state, e.mode, e.attempts, e.fence, q.id, e.error, e.action, e.result,
    e.ended, a.digest, a.data, b.digest, b.data, s.id
    FROM hitl_effects e LEFT JOIN hitl_requests q ON q.key = e.request
    LEFT JOIN hitl_grants s ON s.key = e.granted
    LEFT JOIN hitl_bodies a ON a.key = e.action LEFT JOIN hitl_bodies b ON b.key = e.result"""


class EffectRow(NamedTuple):
    """An effect as stored; `action` and `result` are keys of bodies, followed by those bodies."""

    key: int
    call: str
    state: str
    mode: str
    attempts: int
    fence: int
    request: bytes | str | None
    error: str | None
    action: int
    result: int | None
    ended: int | None
    action_digest: bytes
    action_data: bytes
    result_digest: bytes | None
    result_data: bytes | None
    grant: bytes | str | None

    @classmethod
    def of(cls, found: tuple[Any, ...]) -> Self:
        """Raises RowCorrupt for a state or mode that does not exist."""
        row = cls._make(found)
        word(ActionState, row.state, "action at", row.call)
        word(EffectMode, row.mode, "action at", row.call)
        return row

    def action_record(self) -> Action:
        data = checked(self.action_digest, self.action_data, what=f"action of call {self.call}")
        return Action.model_validate_json(unpack(data))

    def record(self) -> Effect:
        """The Effect of this row. Raises RowCorrupt."""
        result = None
        if self.result_data is not None and self.result_digest is not None:
            result = decode(self.result_digest, self.result_data, what=f"result of call {self.call}")
        try:
            ended_at = None if self.ended is None else instant(self.ended)
        except (TypeError, OverflowError) as exc:
            raise illegible("the call", self.call, exc) from exc
        return Effect(
            call=self.call,
            action=self.action_record(),
            state=ActionState(self.state),
            mode=EffectMode(self.mode),
            attempts=self.attempts,
            fence=self.fence,
            request_id=None if self.request is None else text(self.request),
            grant_id=None if self.grant is None else text(self.grant),
            result=result,
            error=self.error or "",
            ended_at=ended_at,
        )

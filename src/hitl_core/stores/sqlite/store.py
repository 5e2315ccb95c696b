"""SqliteStore: the contract of `contracts.Store`, met."""

from __future__ import annotations

import logging
import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, cast

from ...audit import Custody
from ...clock import SystemClock
from ...commands import Command, Note, Query, WriteNote
from ...contracts import Clock
from ...errors import StoreError, StoreUnavailable
from ...protocol import AuditEvent
from ..sql.dispatch import IDLE, QUERIES
from ..sql.tables import View
from ..sql.waking import Changes
from .engine import SOLO, Writer
from .file import Location, SqliteLink, of_the_command
from .parts import Parts, in_file, in_memory
from .upkeep import SqliteUpkeep

log = logging.getLogger("hitl_core.stores")

R = TypeVar("R")


class SqliteStore:
    """Everything in one SQLite file (or in memory). Safe to use from any thread and any event loop at once.

    Reading happens in the calling thread and takes well under a millisecond for what is not megabytes long.
    After a fork, open the store again: SQLite's locks do not survive it.
    """

    upkeep: ClassVar = SqliteUpkeep

    def __init__(self, location: Location, parts: Parts, clock: Clock) -> None:
        self._location = location
        self._parts = parts
        self._clock = clock
        self._writer = Writer(parts.engine.perform, after=self._committed)
        self._changes = Changes(parts.bell, parts.version, clock)
        self._reported: set[tuple[str, str]] = set()
        self._process = os.getpid()
        self._closed = False

    @classmethod
    async def open(
        cls,
        url: str | Path,
        *,
        folder: Path | None = None,
        clock: Clock | None = None,
        audit_key: str | Path | None = None,
        audit_anchors: str | Path | None = None,
        anchoring: bool = True,
    ) -> Self:
        """Open a store, made on first use: `sqlite:///relative.db`, `sqlite:////abs.db`, `sqlite://`, or a path.

        Relative paths start at `folder`. `audit_key` and `audit_anchors` are files, by default `<database>.key` and
        `<database>.anchors`; both belong where whoever can write the database cannot write.
        Without `anchoring` no anchor is written: for who verifies the trail, and must not heal it by looking.
        Raises ConfigError, StoreUnavailable or StoreTooNew.
        """
        return cls.open_blocking(
            url, folder=folder, clock=clock, audit_key=audit_key, audit_anchors=audit_anchors, anchoring=anchoring
        )

    @classmethod
    def open_blocking(
        cls,
        url: str | Path,
        *,
        folder: Path | None = None,
        clock: Clock | None = None,
        audit_key: str | Path | None = None,
        audit_anchors: str | Path | None = None,
        anchoring: bool = True,
    ) -> Self:
        """`open` for callers without an event loop."""
        location = Location.parse(url, folder=folder)
        if location.path is None:
            parts = in_memory(location)
        else:
            away = folder or Path.cwd()
            key = location.beside(".key") if audit_key is None else away / audit_key
            anchors = location.beside(".anchors") if audit_anchors is None else away / audit_anchors
            parts = in_file(location, key=key, anchors=anchors, anchoring=anchoring)
        return cls(location, parts, clock or SystemClock())

    @property
    def custody(self) -> Custody:
        """What it takes to verify this store's audit trail."""
        return self._parts.custody

    @property
    def alive(self) -> bool:
        """Whether the thread that writes works, if it was ever needed."""
        return self._writer.alive

    def can_be_written(self) -> bool:
        """Whether the file can be written to, as far as that is known without writing."""
        self._check_open()
        return self._location.path is None or os.access(self._location.path, os.W_OK)

    # ── the contract ─────────────────────────────────────────────────────────────────────────────────────────

    async def apply(self, command: Command[R]) -> R:
        """Carry out one command as one durable transaction. Raises what the command documents, and StoreError.

        To stop waiting for it does not undo it.
        """
        if self._is_idle(command):
            return cast("R", ())
        if self._location.path is None and not isinstance(command, SOLO):
            return self._writer.blocking(command)  # memory is quicker than the way to another thread
        return await self._writer.awaited(command)

    async def fetch(self, query: Query[R]) -> R:
        """Answer one query from a consistent state that has every change reported so far."""
        return self.fetch_blocking(query)

    async def changed(self, *, timeout: float) -> None:
        """Return soon after anybody changes the store, in this process or another, or after `timeout` seconds.

        A change since the calling task's last call counts, so that none is missed between looking and waiting.
        """
        self._check_open()
        await self._changes.wait(timeout)

    async def close(self) -> None:
        """Finish what was begun and let go of files and connections. Closing twice is harmless."""
        self.close_blocking()

    # ── the same without an event loop ───────────────────────────────────────────────────────────────────────

    def apply_blocking(self, command: Command[R]) -> R:
        """Like `apply`; works in the calling thread if nobody else is writing."""
        if self._is_idle(command):
            return cast("R", ())
        return self._writer.blocking(command)

    def fetch_blocking(self, query: Query[R]) -> R:
        """Like `fetch`."""
        self._check_open()
        try:
            view, answer = self._parts.readers.read(lambda connection: _answer(connection, query))
        except UnicodeEncodeError as exc:
            raise of_the_command(exc) from exc
        if view.damaged:
            self._report(view)
        return answer

    def close_blocking(self) -> None:
        """Like `close`."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        try:
            self._writer.close()
        finally:
            self._parts.close()

    def _is_idle(self, command: Command[Any]) -> bool:
        """Whether a command that is asked over and over has nothing to do now; seen without the write lock."""
        self._check_open()
        idle = IDLE.get(type(command))
        if idle is None:
            return False
        return self._parts.readers.read(lambda connection: idle(View(SqliteLink(connection)), command))

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable(f"the store {self._location} is closed; open it again")
        if os.getpid() != self._process:
            raise StoreUnavailable(f"the store {self._location} was opened before a fork; open it again in the child")

    def _committed(self) -> None:
        self._parts.committed()

    def _report(self, view: View) -> None:
        """Note damaged rows in the audit trail, each once for this process. Whoever reads is answered all the same."""
        for found in view.damaged:
            if found in self._reported:
                continue
            self._reported.add(found)
            what, name = found
            note, lost = Note(AuditEvent.ROW_DAMAGED, name, "store", {"what": what}), partial(self._unreported, found)
            try:
                self._writer.post(WriteNote(note, self._clock.now()), lost=lost)
            except StoreError as exc:
                lost(exc)

    def _unreported(self, found: tuple[str, str], exc: BaseException) -> None:
        log.warning("that %s %s is damaged is not recorded yet, but when it is read again: %s", *found, exc)
        self._reported.discard(found)


def _answer(connection: sqlite3.Connection, query: Query[R]) -> tuple[View, R]:
    view = View(SqliteLink(connection))
    return view, QUERIES[type(query)](view, query)

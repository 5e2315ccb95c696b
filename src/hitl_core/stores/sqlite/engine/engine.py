"""One batch, one transaction: take the file lock, BEGIN, carry out each command, seal the audit lines, COMMIT.

A command that raises usually has written nothing: it looks first. Only if one of a batch has, the batch is carried out
anew, each of its commands behind a savepoint: one for every command would cost the others a tenth of their time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

from ....audit import Chain
from ....errors import StoreError
from ...sql.dispatch import COMMANDS, QUIET
from ...sql.tables import Tip, Transaction, remember, seal
from ..file import Location, SqliteLink, connect, folded, of_the_command, of_the_store, unavailable
from .job import Job

Lock = AbstractContextManager[Any]


class _Spoilt(Exception):
    """A command of a batch has written and then failed: what it wrote cannot be told from what the others did."""


class Engine:
    """Holds the one connection that writes. Used by one thread at a time (writer.py sees to that)."""

    def __init__(
        self,
        location: Location,
        lock: Lock,
        chain: Chain,
        *,
        sealed: Callable[[Tip], None],
        anchored: Callable[[], str | None],
    ) -> None:
        self._location = location
        self._lock = lock
        self._chain = chain
        self._sealed = sealed
        self._anchored = anchored
        self._connection: sqlite3.Connection | None = None
        self._to_fold = False

    def perform(self, jobs: Sequence[Job[Any]]) -> bool:
        """Carry out a batch; every job then has its result or its error. Returns whether anything was changed.

        If the store itself fails, nothing of the batch is kept and each job is tried once more on its own, so that
        one that is too much for a nearly full disk takes no other with it.
        """
        try:
            return self._in_one(jobs)
        except sqlite3.Error as exc:
            self._give_up(jobs, exc)
        except StoreError as exc:
            for job in jobs:
                job.fail(exc)
            return False
        alone = [self.perform([job]) for job in jobs] if len(jobs) > 1 else []
        return any(alone)

    def close(self) -> None:
        """The last connection to close tidies the write-ahead log: a write like any other, under the lock."""
        if self._connection is not None:
            with self._lock:
                self._remember_last(self._connection)
                self._connection.close()
            self._connection = None

    def _remember_last(self, connection: sqlite3.Connection) -> None:
        """The anchor at the end. One that cannot be kept now is found in its file when the store is opened again."""
        with suppress(sqlite3.Error):
            remember(SqliteLink(connection), self._anchored())

    def use(self, connection: sqlite3.Connection) -> None:
        """Work on this connection instead of one of its own: a store in memory has only one."""
        self._connection = connection

    def _in_one(self, jobs: Sequence[Job[Any]]) -> bool:
        with self._lock:
            connection = self._connect()
            before = connection.total_changes
            try:
                tip = self._transact(connection, jobs)
            except _Spoilt:
                tip = self._transact(connection, jobs, guarded=True)
            if tip is not None:
                self._sealed(tip)
            if self._to_fold:
                self._to_fold = not folded(connection)
            quiet = all(isinstance(job.command, QUIET) for job in jobs)
            return connection.total_changes != before and not quiet

    def _transact(
        self, connection: sqlite3.Connection, jobs: Sequence[Job[Any]], *, guarded: bool = False
    ) -> Tip | None:
        """`guarded`: what one command writes can be undone alone."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            link = SqliteLink(connection)
            txn = Transaction(link)
            undo = _undo if len(jobs) == 1 else _undo_guarded if guarded else _spoil
            for job in jobs:
                if guarded:
                    txn.execute("SAVEPOINT hitl_command")
                _carry_out(txn, link, job, undo)
                if guarded:
                    txn.execute("RELEASE hitl_command")
            tip = seal(link, self._chain, txn.tip, txn.lines) if txn.lines else None
            remember(link, self._anchored())
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise
        self._to_fold |= txn.erases
        return tip

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._location, writes=True)
        return self._connection

    def _give_up(self, jobs: Sequence[Job[Any]], exc: sqlite3.Error) -> None:
        """A connection that has seen a disk error is not trusted any more; the next batch opens a new one."""
        for job in jobs:
            job.fail(unavailable(exc, self._location))
        if self._connection is not None and self._location.path is not None:
            self._connection.close()
            self._connection = None


def _carry_out(txn: Transaction, link: SqliteLink, job: Job[Any], undo: Callable[[Transaction], None]) -> None:
    """Carry out one command. If it raises, nothing that it wrote stays, except that it was refused."""
    lines, many, before = txn.lines, len(txn.lines), link.connection.total_changes
    try:
        job.succeed(COMMANDS[type(job.command)](txn, job.command))
    except Exception as exc:
        if of_the_store(exc):
            raise
        if link.connection.total_changes != before:
            undo(txn)
        job.fail(of_the_command(exc))
        txn.lines = [*lines[:many], *txn.of_refusal]
    txn.of_refusal.clear()


def _undo(txn: Transaction) -> None:
    """Undo the one command of a transaction."""
    txn.execute("ROLLBACK")
    txn.execute("BEGIN IMMEDIATE")


def _undo_guarded(txn: Transaction) -> None:
    txn.execute("ROLLBACK TO hitl_command")


def _spoil(txn: Transaction) -> None:
    raise _Spoilt

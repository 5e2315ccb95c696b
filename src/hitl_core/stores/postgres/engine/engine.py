"""One command, one transaction: lock what it is about, carry it out, seal its audit lines, COMMIT."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors

from ....audit import Chain
from ....commands import Command
from ....errors import StoreUnavailable
from ...sql.dispatch import COMMANDS
from ...sql.tables import Line, Taken, Tip, Transaction, remember, seal
from ..server import Connections, Location, PostgresLink, is_lost, of_the_command, to_be_tried_again, unavailable
from .locks import LOCKS, number

R = TypeVar("R")

TRIES: Final = 8
"""How often a command is tried when others were in its way, or the server was gone; the waits add up to seconds."""

_FIRST_WAIT: Final = 0.02
_STATEMENT_MS: Final = 30_000
_LOCK_MS: Final = 15_000
_IDLE_MS: Final = 10_000
"""After that the server gives up a transaction that says nothing: a machine that is cut off would keep its locks, in
front of a stop too. So it is shorter than others wait.
"""

# Whatever the database is set to, what was acknowledged is on its disk.
_BEGIN: Final = """BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on;
    SET LOCAL statement_timeout = {statement}; SET LOCAL lock_timeout = {lock};
    SET LOCAL idle_in_transaction_session_timeout = {idle}; SELECT pg_advisory_xact_lock{shared}({store})"""


class Engine:
    """May be used by many threads at once."""

    def __init__(
        self,
        location: Location,
        connections: Connections,
        chain: Chain,
        origin: str,
        *,
        sealed: Callable[[Tip], None],
        anchored: Callable[[], str | None],
        committed: Callable[[psycopg.Connection[Any]], None],
    ) -> None:
        self._location = location
        self._connections = connections
        self._chain = chain
        self._origin = origin
        self._sealed = sealed
        self._anchored = anchored
        self._committed = committed
        self._trail = number(origin, "trail")

    def perform(self, command: Command[R]) -> R:
        """Carry out a command. Raises what it documents, and StoreError. What was refused is recorded."""
        return self._persistently(lambda: self._carry_out(command))

    def remember_last(self) -> None:
        """Keep the newest anchor, at the end."""
        with self._connections.one() as connection:
            remember(PostgresLink(connection), self._anchored())

    # ── trying again ─────────────────────────────────────────────────────────────────────────────────────────

    def _persistently(self, work: Callable[[], R]) -> R:
        """Try work again of which nothing was kept: two were in each other's way, or the server was gone."""
        for tried in range(1, TRIES + 1):
            try:
                return work()
            except psycopg.Error as exc:
                if tried == TRIES or not to_be_tried_again(exc):
                    raise unavailable(exc, self._location) from exc
                if is_lost(exc):
                    self._connections.lost()
            # Random, so that those who were in each other's way do not meet again.
            time.sleep(_FIRST_WAIT * 2**tried * random.random())  # noqa: S311
        raise AssertionError("the last try returns or raises")

    def _carry_out(self, command: Command[R], *, last: bool = False) -> R:
        """One try. What was refused is recorded in a transaction of its own, after nothing of the command was kept."""
        with self._connections.one() as connection:
            work = Work(PostgresLink(connection), self._trail)
            try:
                return self._transact(work, command)
            except Exception as exc:
                work.undo()
                if not last and isinstance(exc, Taken | errors.UniqueViolation):
                    pass  # somebody else was quicker; the second look sees what they have made
                elif (error := of_the_command(exc)) is None:
                    raise
                else:
                    self._record(work, work.txn.of_refusal)
                    raise error from (exc if error is not exc else None)
            finally:
                if work.link.lent:
                    connection.close()
        return self._carry_out(command, last=True)

    # ── one transaction ──────────────────────────────────────────────────────────────────────────────────────

    def _transact(self, work: Work, command: Command[R]) -> R:
        lock = LOCKS[type(command)]
        self._begin(work, alone=lock.alone)
        lock.take(work.link, self._origin, command)
        result: R = COMMANDS[type(command)](work.txn, command)
        self._end(work)
        return result

    def _record(self, work: Work, lines: Sequence[Line]) -> None:
        if lines:
            again = Work(work.link, self._trail)
            self._begin(again, alone=False)
            again.txn.lines = list(lines)
            self._end(again)

    def _begin(self, work: Work, *, alone: bool) -> None:
        shared = "" if alone else "_shared"
        store = number(self._origin, "store")
        work.link.connection.execute(
            # Numbers of our own.
            _BEGIN.format(statement=_STATEMENT_MS, lock=_LOCK_MS, idle=_IDLE_MS, shared=shared, store=store)
        )

    def _end(self, work: Work) -> None:
        link, txn = work.link, work.txn
        tip = seal(link, self._chain, txn.tip, txn.lines) if txn.lines else None
        anchor = self._anchored() if tip is not None else None
        if anchor is not None:
            remember(link, anchor)
        self._commit(link)
        if tip is not None:
            self._sealed(tip)
        if link.wrote:
            self._committed(link.connection)

    def _commit(self, link: PostgresLink) -> None:
        """Raises StoreUnavailable if the answer to a COMMIT was lost: then it is not known, and not tried again."""
        try:
            link.connection.execute("COMMIT")
        except psycopg.OperationalError as exc:
            if not is_lost(exc):
                raise
            self._connections.lost()
            raise StoreUnavailable(
                f"the connection to {self._location} was lost while it was committing: whether it was kept is not "
                f"known; look before you try again ({str(exc).strip()})"
            ) from exc


class Work:
    """A transaction, and the link that it goes through."""

    def __init__(self, link: PostgresLink, trail: int) -> None:
        self.link = link
        self.txn = Sealing(link, trail)

    def undo(self) -> None:
        """Nothing of it is kept; a connection that is gone has seen to that by itself."""
        if not self.link.connection.broken and not self.link.connection.closed:
            self.link.connection.execute("ROLLBACK")
        self.link.wrote = False


class Sealing(Transaction):
    """Who looks where the trail ends is the only one to add to it until the end of the transaction: the chain has one
    end. So it is looked at as late as possible.
    """

    def __init__(self, link: PostgresLink, trail: int) -> None:
        super().__init__(link)
        self._connection = link.connection
        self._trail = trail

    @property
    def tip(self) -> Tip:
        if self._tip is None:
            found = self._connection.execute(_TIP.format(trail=self._trail))  # a number of our own
            found.nextset()
            row = found.fetchone()
            self._tip = Tip(0, Chain.genesis) if row is None else Tip(*row)
        return self._tip


# In one go; the second statement sees what was committed while the first one waited.
_TIP: Final = "SELECT pg_advisory_xact_lock({trail}); SELECT seq, mac FROM hitl_audit ORDER BY seq DESC LIMIT 1"

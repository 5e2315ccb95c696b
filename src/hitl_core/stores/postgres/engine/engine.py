"""One command, one transaction: lock what it is about, carry it out, write its audit lines raw, COMMIT."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors

from ....audit import Custody
from ....commands import Command
from ....errors import StoreUnavailable
from ...sql.dispatch import COMMANDS, QUIET
from ...sql.tables import Line, Taken, Tip, Transaction, remember
from ..server import (
    Connections,
    Location,
    Numbers,
    PostgresLink,
    is_lost,
    of_the_command,
    to_be_tried_again,
    unavailable,
)
from .answers import TOGETHER, Outcome, carry_out
from .batches import Batches, Job
from .gathering import GatheringLink
from .locks import LOCKS, number
from .sealer import Sealer
from .trail import Trail

log = logging.getLogger("hitl_core.stores")

R = TypeVar("R")

TRIES: Final = 8
"""How often a command is tried when others were in its way, or the server was gone; the waits add up to seconds."""

_FIRST_WAIT: Final = 0.02

_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
_SHARED: Final = "SELECT pg_advisory_xact_lock_shared(?)"
_ALONE: Final = "SELECT pg_advisory_xact_lock(?)"
# An array of unknown length is taken to be long, and each statement would be planned anew for the one at hand.
_SHARED_BY_MANY: Final = f"{_SHARED}, set_config('plan_cache_mode', 'force_generic_plan', true)"

# Who is frozen while it seals is not waited for: the server ends its transaction.
_SEALING: Final = """SELECT set_config('lock_timeout', ?, true),
    set_config('idle_in_transaction_session_timeout', ?, true)"""
_SEALING_MS: Final = ("5000", "3000")


class Engine:
    """May be used by many threads at once."""

    def __init__(
        self,
        location: Location,
        connections: Connections,
        custody: Custody,
        *,
        seals: bool,
        sealed: Callable[[Tip], None],
        anchored: Callable[[], str | None],
        word: Callable[[bool], Sequence[str]],
        committed: Callable[[bool], None],
        threads: Executor,
    ) -> None:
        """`word` is what to say to others behind a commit, if anything, when told whether a run may go on by it;
        `committed` is told whether it was said.
        """
        self._location = location
        self._connections = connections
        self._origin = custody.origin
        self._store = number(custody.origin, "store")
        self._numbers = Numbers()
        self._trail = Trail(custody, self._numbers)
        self.sealer = Sealer(self._seal) if seals else None
        self._sealed = sealed
        self._anchored = anchored
        self._word = word
        self._committed = committed
        self._batches = Batches(self._together, self._alone, threads)

    def perform(self, command: Command[R]) -> R:
        """Carry out a command. Raises what it documents, and StoreError. What was refused is recorded."""
        return self._batches.blocking(command) if shares(command) else self._alone(command)

    async def awaited(self, command: Command[R]) -> R:
        """The same for event loops, of a command that shares its transaction."""
        return await self._batches.awaited(command)

    def finish(self) -> None:
        """Seal what is left. Then nothing more is to be performed."""
        if self.sealer is not None:
            self.sealer.close()

    def remember_last(self) -> None:
        """Keep the newest anchor, at the end."""
        with self._connections.one() as connection:
            remember(PostgresLink(connection), self._anchored())

    # ── many commands in one transaction ─────────────────────────────────────────────────────────────────────────

    def _together(self, jobs: Sequence[Job[Any]]) -> None:
        """Carry out a batch. If nothing of it was kept, each is left to be done alone; that says what is wrong."""
        try:
            with self._connections.one() as connection:
                self._in_one(GatheringLink(connection, self._numbers), jobs)
        except StoreUnavailable as exc:
            log.debug("%d commands are carried out one by one: %s", len(jobs), exc)

    def _in_one(self, link: GatheringLink, jobs: Sequence[Job[Any]]) -> None:
        work = Work(link, self._trail, self._numbers)
        outcomes: list[Outcome] = []
        try:
            self._begin(work, _SHARED_BY_MANY)
            outcomes = carry_out(link, work.txn, jobs)
            self._end(work)
        except StoreUnavailable as exc:  # the answer to COMMIT was lost
            link.undo()
            for outcome in outcomes:
                outcome.unknown(exc)
        except Exception as exc:
            link.undo()
            self._connections.failed(link.connection, exc)
            log.debug("%d commands are carried out one by one: %s", len(jobs), exc)
        finally:
            for outcome in outcomes if link.kept else ():
                outcome.tell()

    # ── trying again ─────────────────────────────────────────────────────────────────────────────────────────

    def _alone(self, command: Command[R]) -> R:
        return self._persistently(lambda: self._carry_out(command))

    def _persistently(self, work: Callable[[], R]) -> R:
        """Try work again of which nothing was kept: two were in each other's way, or the server was gone."""
        for tried in range(1, TRIES + 1):
            try:
                return work()
            except psycopg.Error as exc:
                if tried == TRIES or not to_be_tried_again(exc):
                    raise unavailable(exc, self._location) from exc
            # Random, so that those who were in each other's way do not meet again.
            time.sleep(_FIRST_WAIT * 2**tried * random.random())  # noqa: S311
        raise AssertionError("the last try returns or raises")

    def _carry_out(self, command: Command[R], *, last: bool = False) -> R:
        """One try. What was refused is recorded in a transaction of its own, after nothing of the command was kept."""
        with self._connections.one() as connection:
            work = Work(PostgresLink(connection, self._numbers), self._trail, self._numbers)
            try:
                return self._transact(work, command)
            except Exception as exc:
                work.link.undo()
                self._connections.failed(connection, exc)
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
        self._begin(work, _ALONE if lock.alone else _SHARED)
        if lock.drains:
            self._trail.drain(work.link)
        lock.take(work.link, self._origin, command)
        result: R = COMMANDS[type(command)](work.txn, command)
        self._end(work, drains=lock.drains, rings=not isinstance(command, QUIET))
        return result

    def _record(self, work: Work, lines: Sequence[Line]) -> None:
        if lines:
            again = Work(work.link, self._trail, self._numbers)
            self._begin(again, _SHARED)
            again.txn.lines = list(lines)
            self._end(again)

    def _begin(self, work: Work, lock: str) -> None:
        self._connections.begin(work.link, _BEGIN)
        work.link.execute(lock, (self._store,))

    def _end(self, work: Work, *, drains: bool = False, rings: bool = True) -> None:
        link, txn = work.link, work.txn
        self._trail.write(link, txn.lines, txn.references)
        tip = self._trail.drain(link) if drains else None
        link.arrive(link.rounds)
        rings = rings and link.wrote
        word = self._word(txn.wakes) if rings else ()
        self._commit(link, word)
        if tip is not None:
            self._sealed(tip)
        if rings:
            self._committed(bool(word))
        if txn.lines and self.sealer is not None:
            self.sealer.written(len(txn.lines))

    def _commit(self, link: PostgresLink, word: Sequence[str]) -> None:
        """Raises StoreUnavailable if the answer to a COMMIT was lost: then it is not known, and not tried again."""
        try:
            link.end("COMMIT", word)
        except psycopg.OperationalError as exc:
            if not is_lost(exc):
                raise
            self._connections.failed(link.connection, exc)
            raise StoreUnavailable(
                f"the connection to {self._location} was lost while it was committing: whether it was kept is not "
                f"known; look before you try again ({str(exc).strip()})"
            ) from exc

    # ── behind the commits ───────────────────────────────────────────────────────────────────────────────────

    def _seal(self) -> None:
        """Seal what is committed, a batch in each transaction."""
        with self._connections.one() as connection:
            link = PostgresLink(connection)
            try:
                while self._trail.anything(link):
                    self._seal_some(link)
            except BaseException as exc:
                link.undo()
                self._connections.failed(connection, exc)
                raise

    def _seal_some(self, link: PostgresLink) -> None:
        self._connections.begin(link, _BEGIN)
        link.execute(_SEALING, _SEALING_MS)
        before = self._trail.tip(link)
        tip = self._trail.some(link, before)
        if tip != before:
            remember(link, self._anchored())
        link.end("COMMIT")
        if tip != before:
            self._sealed(tip)


def shares(command: Command[Any]) -> bool:
    """Whether a command shares its transaction with others that wait."""
    return isinstance(command, TOGETHER)


class Work:
    """A transaction, and the link that it goes through."""

    def __init__(self, link: PostgresLink, trail: Trail, numbers: Numbers) -> None:
        self.link = link
        self.txn = Referring(link, trail, numbers)


class Referring(Transaction):
    """A row refers to a line that has no number yet by another one, which it keeps. Who looks at the number itself is
    the only one to seal, until the end of the transaction.
    """

    def __init__(self, link: PostgresLink, trail: Trail, numbers: Numbers) -> None:
        super().__init__(link)
        self._own = link
        self._trail = trail
        self._numbers = numbers
        self.references: dict[int, int] = {}

    @property
    def reference(self) -> int:
        made = self.references[len(self.lines)] = self._numbers.take(self._own)
        return made

    @property
    def tip(self) -> Tip:
        if self._tip is None:
            self._tip = self._trail.tip(self._own)
        return self._tip

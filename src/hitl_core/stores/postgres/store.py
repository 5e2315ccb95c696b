"""PostgresStore: the contract of `contracts.Store`, met."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final, Self, TypeVar, cast

import psycopg

from ...audit import Anchors, Custody, load_or_create, remembered_size
from ...clock import SystemClock
from ...commands import (
    ClaimRuns,
    Command,
    FollowAudit,
    GetRequest,
    ListLeases,
    ListProposed,
    Look,
    NextDue,
    Note,
    Query,
    ReadAudit,
    ReadPace,
    WriteNote,
)
from ...contracts import Clock
from ...errors import StoreUnavailable
from ...protocol import AuditEvent
from ..sql.dispatch import IDLE, QUERIES
from ..sql.tables import Tip, View, read_anchor, read_tip
from ..sql.waking import Changes
from .engine import Engine, shares
from .server import (
    Bell,
    Connections,
    Location,
    Options,
    PostgresLink,
    ServerTime,
    connect,
    migrate,
    of_the_command,
    unavailable,
)
from .upkeep import PostgresUpkeep

log = logging.getLogger("hitl_core.stores")

R = TypeVar("R")


class PostgresStore:
    """Everything in one PostgreSQL database. Safe to use from any thread and any event loop at once.

    After a fork, open the store again: connections do not survive it.
    """

    upkeep: ClassVar = PostgresUpkeep

    def __init__(
        self,
        location: Location,
        custody: Custody,
        tip: Tip,
        clock: Clock,
        time: ServerTime,
        *,
        raw: int,
        anchoring: bool,
        listens: Location | None = None,
        options: Options | None = None,
    ) -> None:
        options = options or Options()
        self._location = location
        self.custody = custody
        self._clock = clock
        self._time = time
        self._tips = Anchors(custody if anchoring else Custody(custody.secret, custody.origin, None))
        self._tips.catch_up(tip)
        self._connections = Connections(location, options)
        self._bell = Bell(
            listens or location, custody.origin, self._connections, tip.size + raw, behind=self._seal_behind
        )
        self._threads = ThreadPoolExecutor(options.connections, thread_name_prefix="hitl-store")
        self._engine = Engine(
            location,
            self._connections,
            custody,
            seals=anchoring and _is_ours(custody),
            sealed=self._tips.moved,
            anchored=self._tips.take_fresh,
            word=self._bell.word,
            committed=self._bell.ring,
            threads=self._threads,
        )
        self._changes = Changes(self._bell.here, self._bell.count, clock)
        self._reported: set[tuple[str, str]] = set()
        self._process = os.getpid()
        self._closed = False
        if raw:
            self._seal_behind()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        folder: Path | None = None,
        clock: Clock | None = None,
        audit_key: str | Path | None = None,
        audit_anchors: str | Path | None = None,
        listen: str | None = None,
        prepare: str | None = None,
        connections: str | None = None,
        statement_timeout: str | None = None,
        lock_timeout: str | None = None,
        anchoring: bool = True,
    ) -> Self:
        """Open a store, its tables made on first use: `postgresql://user@host/database`.

        `audit_key` and `audit_anchors` are files, by default `<the store's origin>.key` and `.anchors` in `folder`.
        Every process that writes needs the same key; both belong where whoever can write the database cannot write.
        `listen` is a URL of the same database by which changes are heard, where `url` leads through a pooler.
        Without `anchoring` no anchor is written. Without a `clock` of the caller's own, and with a SystemClock, the
        server's time counts. Raises ConfigError, StoreUnavailable or StoreTooNew.
        """

        return await asyncio.to_thread(
            cls.open_blocking,
            url,
            folder=folder,
            clock=clock,
            audit_key=audit_key,
            audit_anchors=audit_anchors,
            listen=listen,
            prepare=prepare,
            connections=connections,
            statement_timeout=statement_timeout,
            lock_timeout=lock_timeout,
            anchoring=anchoring,
        )

    @classmethod
    def open_blocking(
        cls,
        url: str,
        *,
        folder: Path | None = None,
        clock: Clock | None = None,
        audit_key: str | Path | None = None,
        audit_anchors: str | Path | None = None,
        listen: str | None = None,
        prepare: str | None = None,
        connections: str | None = None,
        statement_timeout: str | None = None,
        lock_timeout: str | None = None,
        anchoring: bool = True,
    ) -> Self:
        """`open` for callers without an event loop."""
        location, listens = Location.parse(url), None if listen is None else Location.parse(listen)
        options = Options.of(prepare, connections, statement_timeout, lock_timeout)
        clock = clock or SystemClock()
        time = ServerTime(clock)
        origin, tip, raw, remembered = _prepared(location, time)
        away = folder or Path.cwd()
        key, anchors = away / (audit_key or f"{origin}.key"), away / (audit_anchors or f"{origin}.anchors")
        custody = Custody(load_or_create(key, lines=tip.size + raw), origin, anchors, remembered)
        return cls(location, custody, tip, clock, time, raw=raw, anchoring=anchoring, listens=listens, options=options)

    @property
    def after_erasing(self) -> str:
        """What is left to do for whoever has erased something."""
        return (
            "the old bytes stay in the database's files until VACUUM (`hitl store vacuum`) and later writes take their "
            "place, and in its log, its standbys and backups for as long as those are kept"
        )

    @property
    def hears(self) -> bool | None:
        """Whether changes by others are heard of at once; None until somebody has waited and that was tried."""
        return self._bell.hears

    @property
    def alive(self) -> bool:
        """Whether the threads that seal, listen and tell others work, as far as they were ever needed."""
        sealer = self._engine.sealer
        return self._bell.alive and (sealer is None or sealer.alive)

    def can_be_written(self) -> bool:
        """Whether the server takes changes: a standby does not, nor one that was told so. Raises StoreUnavailable."""
        self._check_open()
        (read_only,) = self._connections.read(lambda link: link.execute(_READ_ONLY).fetchone())
        return not read_only

    # ── the contract ─────────────────────────────────────────────────────────────────────────────────────────

    async def apply(self, command: Command[R]) -> R:
        """Carry out one command as one durable transaction. Raises what the command documents, and StoreError.

        To stop waiting for it does not undo it.
        """
        if shares(command):
            self._check_open()
            return await self._engine.awaited(command)
        return await self._aside(lambda: self.apply_blocking(command))

    async def fetch(self, query: Query[R]) -> R:
        """Answer one query from a consistent state that has every change reported so far."""
        return await self._aside(lambda: self.fetch_blocking(query))

    async def changed(self, *, timeout: float) -> None:
        """Return soon after anybody changes the store, on this machine or another, or after `timeout` seconds.

        A change since the calling task's last call counts, so that none is missed between looking and waiting.
        """
        self._check_open()
        if self._time.is_due:
            with suppress(StoreUnavailable):  # who waits is not to be told; whoever works next is
                await self._aside(lambda: self._connections.read(lambda link: self._time.look(link.connection)))
        self._bell.listen()
        await self._changes.wait(timeout)

    async def close(self) -> None:
        """Finish what was begun and let go of connections. Closing twice is harmless."""
        await asyncio.to_thread(self.close_blocking)

    # ── the same without an event loop ───────────────────────────────────────────────────────────────────────

    def apply_blocking(self, command: Command[R]) -> R:
        """Like `apply`, in the calling thread."""
        self._check_open()
        idle = None if isinstance(command, ClaimRuns) else IDLE.get(type(command))  # which waits for nobody to look
        if idle is not None and self._connections.read(lambda link: idle(View(link), command), quickly=True):
            return cast("R", ())
        return self._engine.perform(command)

    def fetch_blocking(self, query: Query[R]) -> R:
        """Like `fetch`, in the calling thread."""
        self._check_open()
        behind = isinstance(query, _OF_THE_TRAIL) and not self._is_sealed()
        try:
            view, answer = self._connections.read(
                lambda link: _answer(link, query, with_unsealed=behind), quickly=isinstance(query, _QUICK)
            )
        except UnicodeEncodeError as exc:
            raise (of_the_command(exc) or exc) from exc
        for found in view.damaged:
            self._report(*found)
        return answer

    def close_blocking(self) -> None:
        """Like `close`."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        self._threads.shutdown()
        self._bell.close()
        self._engine.finish()
        self._tips.close()
        try:
            with suppress(psycopg.Error, StoreUnavailable):  # it is found in its file when the store is opened again
                self._engine.remember_last()
        finally:
            self._connections.close()

    async def _aside(self, work: Callable[[], R]) -> R:
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _is_sealed(self) -> bool:
        """Whether all lines that were committed until now are sealed; if it can be done now, it is."""
        return self._engine.sealer is not None and self._engine.sealer.catch_up()

    def _seal_behind(self) -> None:
        if self._engine.sealer is not None:
            self._engine.sealer.rouse()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable(f"the store {self._location} is closed; open it again")
        if os.getpid() != self._process:
            raise StoreUnavailable(f"the store {self._location} was opened before a fork; open it again in the child")

    def _report(self, what: str, name: str) -> None:
        """Note a damaged row in the audit trail, once for this process. Whoever reads is answered all the same."""
        if (what, name) in self._reported:
            return
        note = Note(AuditEvent.ROW_DAMAGED, name, "store", {"what": what})
        try:
            self._engine.perform(WriteNote(note, self._clock.now()))
        except StoreUnavailable as exc:
            log.warning("that %s %s is damaged is not recorded yet, but when it is read again: %s", what, name, exc)
        else:
            self._reported.add((what, name))


_READ_ONLY: Final = "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean"

_QUICK: Final = (GetRequest, ListLeases, Look, NextDue)
"""They ask for all that they need at once, and are on the way of an answer to the run that waits for it."""

_OF_THE_TRAIL: Final = (ReadAudit, FollowAudit, ListProposed, ReadPace)
"""They read lines in their order, which they have once they are sealed."""


def _is_ours(custody: Custody) -> bool:
    """Whether the trail is not known to be sealed with another key: with a wrong one nothing is sealed."""
    return not custody.remembered or remembered_size(custody) > 0


def _answer(link: PostgresLink, query: Query[R], *, with_unsealed: bool) -> tuple[View, R]:
    view = View(link, with_unsealed=with_unsealed)
    return view, QUERIES[type(query)](view, query)


def _prepared(location: Location, time: ServerTime) -> tuple[str, Tip, int, str]:
    """The store's origin, where its trail ends, how many lines wait to be sealed, and its anchor."""
    try:
        with connect(location) as connection:
            time.look(connection)
            origin, view = migrate(connection, location), View(PostgresLink(connection))
            return origin, read_tip(view), len(view.link.unsealed()), read_anchor(view)
    except psycopg.Error as exc:
        raise unavailable(exc, location) from exc

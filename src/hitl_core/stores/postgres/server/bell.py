"""The doorbell across machines: NOTIFY after a commit, and a slow look at where the audit trail ends as the net.

A NOTIFY in the transaction would make all commits of the database wait for each other. So it follows the COMMIT, in the
same round: who is told that something counts has let others know. Where commits come one after the other, a thread says
it for several of them, unless a run may go on by one; that can be lost, and then the next look finds the change, as it
does behind a pooler through which nobody can listen (hearing.py).
"""

from __future__ import annotations

import logging
import secrets
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg

from ....errors import StoreUnavailable
from ...sql.waking import Count, Doorbell
from .connection import Connections, connect
from .hearing import MARK, PATIENCE, Trial
from .link import SAY
from .location import Location

log = logging.getLogger("hitl_core.stores")

SLOW: Final = 2.0
"""Seconds between looks."""

APART: Final = 0.01
"""Seconds between two of our NOTIFYs where many follow each other: more say the same."""

FREE: Final = 8
"""So many may follow each other more quickly; and as many by which a run may go on, whatever else was said."""

PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds to wait before a lost connection is opened again; the last one again and again."""


class Bell:
    """Rings for those who wait in this process, and lets other processes know.

    `location` is where it listens. `hears` is whether it does: None until that was tried.
    """

    def __init__(
        self, location: Location, channel: str, connections: Connections, known: int, *, behind: Callable[[], None]
    ) -> None:
        """`known`: how many audit lines have been seen. `behind` is called when some are found that are not sealed."""
        self._location = location
        self.hears: bool | None = None
        self._channel = channel
        self._connections = connections
        self._known = known
        self._behind = behind
        self._me = secrets.token_hex(8)
        self._guard = threading.Lock()
        self._due = threading.Event()
        self._said = {wakes: deque[float](maxlen=FREE) for wakes in (False, True)}
        self._teller: threading.Thread | None = None
        self._thread: threading.Thread | None = None
        self._awake, self._rouse = socket.socketpair()
        self._closing = threading.Event()
        self.count = Count()
        self.here = Doorbell(None)

    def word(self, wakes: bool) -> Sequence[str]:
        """What to say behind a commit, and where; nothing where it can wait a little. `wakes`: a run may go on now."""
        now = time.monotonic()
        with self._guard:
            said = self._said[wakes]
            if len(said) == FREE and now - said[0] < FREE * APART:
                return ()
            said.append(now)
        return self._channel, self._me

    def ring(self, said: bool) -> None:
        """Something was committed here. Where others were not told yet, a thread does that soon."""
        self._heard()
        if said or self._due.is_set():
            return
        self._due.set()
        with self._guard:
            if self._teller is None and not self._closing.is_set():
                self._teller = threading.Thread(target=self._serve_others, name="hitl-store-teller", daemon=True)
                self._teller.start()

    def listen(self) -> None:
        """Hear of what others commit, from now on; also of what they have committed since the store was opened."""
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="hitl-store-bell", daemon=True)
                self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether its threads work, as far as they were ever needed."""
        there = [thread for thread in (self._thread, self._teller) if thread is not None]
        return self._closing.is_set() or all(thread.is_alive() for thread in there)

    def close(self) -> None:
        self._closing.set()
        self._due.set()
        self._rouse.send(b"!")
        for thread in (self._thread, self._teller):
            if thread is not None:
                thread.join()
        self._awake.close()
        self._rouse.close()
        self.here.close()

    def _heard(self) -> None:
        self.count.one_more()
        self.here.ring()

    # ── the thread that tells others ─────────────────────────────────────────────────────────────────────────

    def _serve_others(self) -> None:
        last = False
        while not last:
            self._due.wait()
            self._closing.wait(APART)
            self._due.clear()
            last = self._closing.is_set()  # looked at after `due` was cleared: who closes sets the two in this order
            self._tell()

    def _tell(self) -> None:
        with suppress(psycopg.Error, StoreUnavailable), self._connections.one() as one:  # who is deaf looks, soon
            one.execute(SAY, (self._channel, self._me))

    # ── the thread that listens ──────────────────────────────────────────────────────────────────────────────

    def _serve(self) -> None:
        lost = 0
        while not self._closing.is_set():
            try:
                with connect(self._location) as connection:
                    connection.execute(f'LISTEN "{self._channel}"')  # an id that we have made ourselves
                    lost = 0
                    self._listen(connection)
            except psycopg.Error as exc:
                log.warning("nobody can be heard at %s, trying again: %s", self._location, str(exc).strip())
                self._closing.wait(PAUSES[min(lost, len(PAUSES) - 1)])
                lost += 1

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        self._look(connection)  # at what nobody could hear until now
        trial = self._tried()
        with selectors.DefaultSelector() as either:
            either.register(connection, selectors.EVENT_READ)
            either.register(self._awake, selectors.EVENT_READ)
            begun = time.monotonic()
            while not self._closing.is_set():
                if not either.select(SLOW):
                    self._look(connection)
                self._hear([each.payload for each in connection.notifies(timeout=0)], trial)
                if self.hears is None and time.monotonic() - begun > PATIENCE:
                    self._is_deaf()

    def _tried(self) -> Trial:
        """Something is said on another connection, by which it is known whether anything is heard on this one."""
        trial = Trial(self._channel)
        with suppress(psycopg.Error, StoreUnavailable), self._connections.one() as other:
            trial.say(other)
        return trial

    def _hear(self, said: list[str], trial: Trial) -> None:
        if trial.said in said:
            self.hears = True
        if any(each != self._me and not each.startswith(MARK) for each in said):
            self._heard()

    def _is_deaf(self) -> None:
        self.hears = False
        log.warning(
            "no NOTIFY is heard at %s, as behind a pooler in transaction mode: what others change is seen every %g "
            "seconds; give a URL that goes past it as `listen` in [store]",
            self._location,
            SLOW,
        )

    def _look(self, connection: psycopg.Connection[Any]) -> None:
        sealed, raw = _lines(connection)
        if sealed + raw != self._known:
            self._known = sealed + raw
            self._heard()
        if raw:
            self._behind()


# Sealing a line moves it from one to the other, which changes nothing for those who wait.
_LINES: Final = """SELECT (SELECT COALESCE(MAX(seq), 0) FROM hitl_audit), COUNT(*) FROM hitl_raw WHERE NOT refused"""


def _lines(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """How many lines the trail has that are sealed, and that are not yet."""
    found = connection.execute(_LINES).fetchone()
    assert found is not None
    return int(found[0]), int(found[1])

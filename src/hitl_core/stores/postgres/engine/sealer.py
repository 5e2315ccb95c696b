"""The sealer: it follows the commits and links what they have written. Each process has one; one at a time works."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

import psycopg

from ....errors import StoreUnavailable

log = logging.getLogger("hitl_core.stores")

LINGER: Final = 0.25
"""Seconds that lines may wait for more to come."""

ENOUGH: Final = 250
"""Lines of this process that are sealed at once."""

MOST: Final = 1_000
"""Lines of this process that may wait: who writes more waits for the sealer."""

PATIENCE: Final = 1.0
"""Seconds before it is tried again, and for which writers wait: a sealer that is stuck stops nobody for good."""


class Sealer:
    """Counts the lines of this process that wait, and seals in a thread of its own."""

    def __init__(self, seal: Callable[[], None]) -> None:
        self._seal = seal
        self._guard = threading.Condition()
        self._waiting = 0
        self._closing = False
        self._thread: threading.Thread | None = None

    def written(self, lines: int) -> None:
        """Lines were committed. Returns at once, unless more wait than may."""
        with self._guard:
            self._waiting += lines
            self._begin()
            if self._waiting == lines or self._waiting >= ENOUGH:
                self._guard.notify_all()
            if self._waiting >= MOST and not self._guard.wait_for(lambda: self._waiting < MOST, PATIENCE):
                log.error("%d audit lines wait to be sealed", self._waiting)

    def rouse(self) -> None:
        """Somebody else has left lines behind."""
        self.written(1)

    def catch_up(self) -> bool:
        """Seal what is committed, now and in this thread; whether it could be done. No error ends the thread of it."""
        try:
            self._pass()
        except (psycopg.Error, StoreUnavailable) as exc:
            log.warning("the audit trail could not be sealed just now: %s", str(exc).strip())
            return False
        except Exception:
            log.exception("the audit trail could not be sealed, for a reason that is not known; it is tried again")
            return False
        return True

    @property
    def alive(self) -> bool:
        """Whether its thread works; none is needed before lines come, and one that has died is replaced then."""
        return self._thread is None or self._closing or self._thread.is_alive()

    def close(self) -> None:
        with self._guard:
            self._closing = True
            self._guard.notify_all()
        if self._thread is not None:
            self._thread.join()
        self.catch_up()  # also what others, who were killed, have left

    def _begin(self) -> None:
        if not self._closing and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._serve, name="hitl-sealer", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while self._more():
            if not self.catch_up():
                with self._guard:
                    self._guard.wait_for(lambda: self._closing, PATIENCE)

    def _more(self) -> bool:
        """Wait for lines, and then a little for others; False at the end."""
        with self._guard:
            self._guard.wait_for(lambda: self._waiting or self._closing)
            self._guard.wait_for(lambda: self._waiting >= ENOUGH or self._closing, LINGER)
            return not self._closing

    def _pass(self) -> None:
        with self._guard:
            found = self._waiting
        self._seal()
        with self._guard:
            self._waiting = max(0, self._waiting - found)
            self._guard.notify_all()

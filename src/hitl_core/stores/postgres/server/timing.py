"""The time of the server is that of all who share it: the clock of one machine among them may be wrong, or be set."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from ....clock import SystemClock, steady
from ....contracts import Clock

LOOKS_EVERY: Final = 600.0
"""Seconds after which the server is asked again: two machines do not count exactly alike."""

_NOW: Final = "SELECT clock_timestamp()"


class ServerTime:
    """Sets the clock of this process by the server's. A clock that somebody has brought along is left alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock if isinstance(clock, SystemClock) else None
        self._asked = 0.0

    @property
    def is_due(self) -> bool:
        return self._clock is not None and steady() - self._asked > LOOKS_EVERY

    def look(self, connection: psycopg.Connection[Any]) -> None:
        """Ask what time it is; half of the way there and back is taken to be the way back."""
        if self._clock is None:
            return
        before = steady()
        found = connection.execute(_NOW).fetchone()
        assert found is not None
        self._asked = (before + steady()) / 2
        self._clock.follow(found[0], asked=self._asked)

"""Numbers that no other process has, taken by the thousand. They say nothing of order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final

from .link import PostgresLink

BLOCK: Final = 1024
"""What is left of a block when a process ends is never used."""


class Numbers:
    """May be used by many threads at once."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._left: Iterator[int] = iter(())

    def take(self, link: PostgresLink) -> int:
        """One number. It stays used, whatever becomes of the transaction."""
        with self._guard:
            number = next(self._left, None)
            if number is not None:
                return number
            (block,) = link.execute("SELECT nextval('hitl_numbers')").fetchone() or (0,)
            self._left = iter(range(block * BLOCK + 1, (block + 1) * BLOCK))
            return int(block * BLOCK)

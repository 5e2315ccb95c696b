"""Which schema a database has, and which one this release works with."""

from __future__ import annotations

from typing import NamedTuple


class Versions(NamedTuple):
    """`found` is 0 where there are no tables yet."""

    found: int
    newest: int

    @property
    def steps(self) -> int:
        """How many migrations there are to do."""
        return self.newest - self.found

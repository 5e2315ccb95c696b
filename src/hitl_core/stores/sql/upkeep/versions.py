"""What there is to know of a database as a whole: which schema it has, and how much room it takes."""

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


class Space(NamedTuple):
    """Bytes that the database takes, before and after."""

    before: int
    after: int

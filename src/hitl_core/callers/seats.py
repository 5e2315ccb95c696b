"""How many streams one person has at once: no more than their pages need, so that there are connections for others."""

from __future__ import annotations

from collections import Counter
from typing import Final

MOST: Final = 32
"""Streams of one person, over all their pages and programs, in one process."""


class Seat:
    """A place to listen from. It is taken while the body of `with` runs."""

    def __init__(self, person: str, taken: Counter[str], most: int = MOST) -> None:
        self.most = most
        self._person, self._taken = person, taken

    @property
    def is_free(self) -> bool:
        return self._taken[self._person] < self.most

    def __enter__(self) -> None:
        self._taken[self._person] += 1

    def __exit__(self, *exc: object) -> None:
        self._taken[self._person] -= 1
        if not self._taken[self._person]:
            del self._taken[self._person]

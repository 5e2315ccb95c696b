"""Moving a store: everything goes to another one, and the first is closed for good in the same act.

    the source is locked ─► the target receives, in one transaction ─► the source is closed ─► the target counts

Broken off before the source is closed, the source is as it was, and the target is refused as unfinished: the next time
it is made anew. Broken off after it, the target is all there, and whoever asks next says that it counts.
"""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from ..errors import StoreMoved
from .sql.upkeep import Leaving, Moved


class Source(Protocol):
    """A store that can be moved away from."""

    def leaving(self) -> AbstractContextManager[Leaving]: ...

    def moved_to(self) -> Any: ...


class Target(Protocol):
    """A store that another one can be moved into."""

    def receive(self, leaving: Leaving, token: str, now: datetime) -> Moved: ...

    def finish(self, token: str) -> bool: ...


def move(source: Source, target: Target, *, now: datetime) -> Moved | None:
    """Move everything. None if that was done before, by an act of which only the last word was missing.

    Raises StoreMoved if it is somewhere else, ConfigError, and StoreError; then nothing was changed.
    """
    if finished(source, target):
        return None
    token = secrets.token_hex(16)
    with source.leaving() as leaving:
        moved = target.receive(leaving, token, now)
        leaving.close_for_good(str(target), token)
    target.finish(token)
    return moved


def finished(source: Source, target: Target) -> bool:
    """Whether the source was closed for this target; then that counts from now on. Raises StoreMoved if for another."""
    moved = source.moved_to()
    if moved is None:
        return False
    if not target.finish(moved.token):
        raise StoreMoved(f"the store {source} is closed: all of it was moved to {moved.target}, not to {target}")
    return True

"""One writer at a time across processes: an outer `flock` around every write transaction.

SQLite has its own write lock, but waits for it unfairly (research: 181 ms at worst among 8 processes, 9 to 13 ms
with an outer lock), and before 3.51.3 two connections that write and checkpoint at once can lose data in WAL mode.
"""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ....errors import StoreUnavailable

PATIENCE: Final = 30.0
"""Seconds to wait for the lock. Its holder needs milliseconds, unless it was frozen."""

_LONGEST_NAP: Final = 0.001


class FileLock:
    """An exclusive lock on a file, held in a `with` block. Not reentrant; one thread at a time."""

    def __init__(self, path: Path, *, patience: float = PATIENCE) -> None:
        self._path = path
        self._patience = patience
        self._fd: int | None = None

    def __enter__(self) -> None:
        """Take the lock. Raises StoreUnavailable if it is not free in time."""
        self._acquire(self._open())

    def __exit__(self, *exc: object) -> None:
        fcntl.flock(self._open(), fcntl.LOCK_UN)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> int:
        if self._fd is None:
            try:
                self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as exc:
                raise StoreUnavailable(f"the lock file {str(self._path)!r} cannot be opened: {exc.strerror}") from exc
        return self._fd

    def _acquire(self, fd: int) -> None:
        give_up = time.monotonic() + self._patience
        while not _taken(fd):
            if time.monotonic() > give_up:
                raise StoreUnavailable(
                    f"another process has held {str(self._path)!r} for {self._patience:g} s; "
                    "nothing was changed. Find it with `lsof` and see whether it hangs"
                )
            # Random, so that waiters do not march in step; short, so that the lock is not idle.
            time.sleep(random.random() * _LONGEST_NAP)  # noqa: S311


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a store that is not opened for longer than this. Raises StoreUnavailable as FileLock does."""
    lock = FileLock(path)
    try:
        with lock:
            yield
    finally:
        lock.close()


def _taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

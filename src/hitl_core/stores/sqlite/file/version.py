"""Whether anybody has changed the file."""

from __future__ import annotations

import sqlite3
import threading


class FileVersion:
    """`PRAGMA data_version` of a connection that never writes: another number after anybody's commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._guard = threading.Lock()

    def __call__(self) -> int:
        with self._guard:
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        with self._guard:
            self._connection.close()

"""A barrier among processes that only share a folder: who arrives waits until all have, again and again.

with meeting(folder, parties=4) as path:            # in the test
    processes.together(*[Order.of(work, meeting=path, …)] * 4)

with Party(meeting) as meet:                        # in each process
    meet()                                          # returns when all four are here
"""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Self

PATIENCE = 120.0
_HERE = b"."


@contextmanager
def meeting(folder: Path, parties: int) -> Iterator[str]:
    """A thread that counts who is here. It ends with the processes."""
    path = folder / "meeting"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen(parties)
        listening.settimeout(PATIENCE)
        host = threading.Thread(target=_hosts, args=(listening, parties), name="meeting")
        host.start()
        try:
            yield str(path)
        finally:
            host.join()


def _hosts(listening: socket.socket, parties: int) -> None:
    here: list[socket.socket] = []
    try:
        for _ in range(parties):
            here.append(listening.accept()[0])
            here[-1].settimeout(PATIENCE)
        while all(each.recv(1) for each in here):
            for each in here:
                each.sendall(_HERE)
    except OSError:  # one is gone, or never came: the others hear the end of the line
        return
    finally:
        for each in here:
            each.close()


class Party:
    """One process at the meeting. Raises ConnectionError where another one has left it."""

    def __init__(self, path: str) -> None:
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line.settimeout(PATIENCE)
        self._line.connect(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._line.close()

    def __call__(self, *, jitter: float = 0.0) -> None:
        """Wait for the others, and then up to `jitter` seconds, so that each order of what follows comes about."""
        self._line.sendall(_HERE)
        if self._line.recv(1) != _HERE:
            raise ConnectionError("another process has left the meeting: see how it ended")
        until = perf_counter() + random.uniform(0, jitter)
        while perf_counter() < until:
            pass

"""The line between a store and its server, in the hands of the test: cut, silent, or cut in the middle of a COMMIT.

with a_line(server) as line:
    place = Place(a_schema(line.url, folder), folder)
    line.at_commit = Cut.AFTER                       # the next COMMIT reaches the server, its answer nobody
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict


class Cut(StrEnum):
    """Where a line is cut at the next COMMIT."""

    BEFORE = "before"
    """The server never hears of it."""
    AFTER = "after"
    """The server does it, and its answer is lost."""
    SILENT = "silent"
    """Nothing arrives any more, on either side, and nobody is told."""


class Line:
    """A port of this machine that leads to a server's socket."""

    def __init__(self, server: str, host: str) -> None:
        given = conninfo_to_dict(server)
        self._target = str(next(Path(str(given["host"])).glob(".s.PGSQL.*[0-9]")))
        self._listening = socket.create_server((host, 0), backlog=64)
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._open = True
        self._guard = threading.Lock()
        self._silent: list[socket.socket] = []
        self.silent = threading.Event()
        self.at_commit: Cut | None = None
        self.cuts = 0
        name = self._listening.getsockname()
        self.url = f"postgresql://{given['user']}@{name[0]}:{name[1]}/{given['dbname']}"
        threading.Thread(target=self._serve, name="line", daemon=True).start()

    def cut(self) -> None:
        """All connections end now; new ones are taken."""
        with self._guard:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _end(*pair)

    def hang_up(self) -> None:
        """Those who heard nothing hear that nobody is there."""
        _end(*self._silent)

    def close(self) -> None:
        self._open = False
        self._listening.close()
        self.cut()
        _end(*self._silent)

    def _serve(self) -> None:
        while self._open:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            server.connect(self._target)
            with self._guard:
                self._pairs.append((client, server))
            for work in (self._up, self._down):
                threading.Thread(target=work, args=(client, server), name="line", daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                if b"COMMIT\0" in data and (cut := self._due()) is not None:
                    self._cut_at_commit(cut, data, client, server)
                    return
                server.sendall(data)
        _end(client, server)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                if server in self._silent:
                    return
                client.sendall(data)
            if server in self._silent:
                return
        _end(client, server)

    def _due(self) -> Cut | None:
        with self._guard:
            cut, self.at_commit = self.at_commit, None
            return cut

    def _cut_at_commit(self, cut: Cut, data: bytes, client: socket.socket, server: socket.socket) -> None:
        self.cuts += 1
        match cut:
            case Cut.BEFORE:
                _end(client, server)
                return
            case Cut.SILENT:
                self._silent += (client, server)
                self.silent.set()
                return
            case Cut.AFTER:
                pass
        self._silent += (client, server)  # first: the answer is not to arrive
        with contextlib.suppress(OSError):
            server.sendall(data)
            server.shutdown(socket.SHUT_WR)  # it does what it has read, and ends
            while server.recv(65_536):
                pass
        _end(client, server)


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


@contextmanager
def a_line(server: str, host: str = "127.0.0.1") -> Iterator[Line]:
    line = Line(server, host)
    try:
        yield line
    finally:
        line.close()

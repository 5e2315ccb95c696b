"""The doorbell: whoever commits sends one byte to everybody who waits, in any process of this machine.

Each event loop that waits has a Unix datagram socket in the folder `<database>.bell/`; a committer sends to every
socket there. A slow scan of `PRAGMA data_version` covers what a socket cannot (another folder, a full buffer).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LONGEST_PATH: Final = 100
"""Bytes; the kernel takes 107 for a socket's address, and fewer elsewhere."""

FRESH: Final = 100_000_000
"""Nanoseconds: more than the clock of any file system needs to tick."""


class Doorbell:
    """One folder of sockets. `ring` may be called from any thread."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else _short(folder)
        self._ears: dict[asyncio.AbstractEventLoop, Ear] = {}
        self._guard = threading.Lock()
        self._mouth: socket.socket | None = None
        self._names: list[str] = []
        self._listed_at = 0

    def ear(self) -> Ear:
        """Where the running event loop listens; made on first use."""
        loop = asyncio.get_running_loop()
        with self._guard:
            for other in [each for each in self._ears if each.is_closed()]:
                self._ears.pop(other).close()
            if loop not in self._ears:
                self._ears[loop] = Ear(loop, self._folder)
            return self._ears[loop]

    def ring(self) -> None:
        """Wake everybody: our own loops directly, other processes by a byte."""
        with self._guard:
            ears = list(self._ears.values())
        for ear in ears:
            ear.wake_from_any_thread()
        if self._folder is not None:
            self._send({ear.name for ear in ears})

    def close(self) -> None:
        with self._guard:
            ears, self._ears = list(self._ears.values()), {}
            mouth, self._mouth = self._mouth, None
        for ear in ears:
            ear.close()
        if mouth is not None:
            mouth.close()

    def _send(self, own: set[str]) -> None:
        for name in self._others():
            if name not in own:
                self._send_to(f"{self._folder}/{name}")

    def _others(self) -> list[str]:
        """Who listens. Read anew when the folder's time moves, or is so fresh that it may hide a change."""
        assert self._folder is not None
        try:
            changed = os.stat(self._folder).st_mtime_ns
            if changed != self._listed_at:
                self._names = os.listdir(self._folder)
                self._listed_at = changed if time.time_ns() - changed > FRESH else 0
        except OSError:
            return []
        return self._names

    def _send_to(self, path: str) -> None:
        if self._mouth is None:
            self._mouth = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._mouth.setblocking(False)
        try:
            self._mouth.sendto(b"!", path)
        except BlockingIOError:
            return  # its buffer is full of bytes that say the same
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                os.unlink(path)  # its process was killed
        except OSError:
            return


class Ear:
    """The socket of one event loop, and those who wait on it. Without a folder it hears this process only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, folder: Path | None) -> None:
        self._loop = loop
        self._waiting: set[asyncio.Future[None]] = set()
        self._socket, self._path = (None, None) if folder is None else _bound(folder)
        if self._socket is not None:
            loop.add_reader(self._socket, self._heard)

    @property
    def name(self) -> str:
        return "" if self._path is None else self._path.name

    @property
    def hears_others(self) -> bool:
        return self._socket is not None

    @contextmanager
    def listening(self) -> Iterator[asyncio.Future[None]]:
        """A future that is done at the next ring. Listen first, then look whether something changed already."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(future)
        try:
            yield future
        finally:
            self._waiting.discard(future)

    def wake_from_any_thread(self) -> None:
        if self._waiting:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """From any thread; a loop that runs in another one lets go of the socket itself."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._loop.is_running() and self._loop is not _running_loop():
            self._loop.call_soon_threadsafe(self._let_go)
        else:
            self._let_go()

    def _let_go(self) -> None:
        if not self._loop.is_closed():
            self._wake()
        if self._socket is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._socket)
            self._socket.close()

    def _heard(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(64):
                pass
        self._wake()

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _bound(folder: Path) -> tuple[socket.socket | None, Path | None]:
    """A socket of our own in the folder; none where that is not possible (the scan still works)."""
    path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        ear.setblocking(False)
        ear.bind(str(path))
    except OSError:
        ear.close()
        return None, None
    return ear, path


def _short(folder: Path) -> Path:
    """The folder itself, or one in the temporary folder if addresses in it would be too long."""
    if len(os.fsencode(folder)) + len("/4194304-01234567") <= LONGEST_PATH:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"hitl-{os.getuid()}-{digest}.bell"

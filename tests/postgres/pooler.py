"""A strict pooler: like those that hand out a connection of the server for one transaction, but never the same twice.

So whatever relies on a session breaks here at once: a name prepared before, a setting, a lock, a LISTEN.
"""

from __future__ import annotations

import asyncio
import os
import re
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
_READY_IDLE = b"Z\x00\x00\x00\x05I"
_KEY = re.compile(rb"(K\x00\x00\x00\x0c).{8}", re.DOTALL)
"""How a client asks for its work to be cancelled: each gets one of its own, as from other poolers."""

AT_LEAST = 3
"""Connections that wait in the pool, so that no transaction finds the one before it."""


class Backend:
    """One connection of the server, begun with what the client began with."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.greeting = b""

    @classmethod
    async def begun(cls, server: str, startup: bytes) -> Backend:
        backend = cls(*await asyncio.open_unix_connection(server))
        backend.writer.write(startup)
        while not backend.greeting.endswith(_READY_IDLE):
            backend.greeting += await _message(backend.reader)
        return backend


class Pooler:
    """Serves on a Unix socket, in a thread of its own."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._writers: list[asyncio.StreamWriter] = []
        self._idle: dict[bytes, deque[Backend]] = {}
        self.transactions = 0

    async def serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        said: asyncio.Queue[bytes] = asyncio.Queue()
        self._writers.append(answers)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            startup = await self._startup(client, answers)
            if startup is not None:
                backend = await self._take(startup)
                answers.write(_KEY.sub(lambda key: key[1] + os.urandom(8), backend.greeting))
                self._idle[startup].append(backend)
                ear = asyncio.ensure_future(_hear(client, said))
                while await self._transaction(startup, said, answers):
                    self.transactions += 1
                await ear
        answers.close()

    async def _startup(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> bytes | None:
        while True:
            head = await client.readexactly(8)
            size, code = struct.unpack("!ii", head)
            rest = await client.readexactly(size - 8)
            if code not in (_SSL, _GSS):
                return None if code == _CANCEL else head + rest
            answers.write(b"N")

    async def _transaction(self, startup: bytes, said: asyncio.Queue[bytes], answers: asyncio.StreamWriter) -> bool:
        """Let one transaction through; False when the client has said goodbye."""
        first = await said.get()
        if first[:1] in (b"X", b""):
            return False
        backend = await self._take(startup)
        asked = _Asked(backend.writer)
        asked.say(first)
        upwards = asyncio.ensure_future(asked.pass_on(said))
        try:
            while not asked.answered:
                answer = await _message(backend.reader)
                answers.write(answer)
                asked.heard(answer)
        except BaseException:
            backend.writer.close()
            raise
        finally:
            upwards.cancel()
        self._idle[startup].append(backend)
        return True

    async def _take(self, startup: bytes) -> Backend:
        idle = self._idle.setdefault(startup, deque())
        while len(idle) < AT_LEAST:
            idle.append(await Backend.begun(self._server, startup))
            self._writers.append(idle[-1].writer)
        return idle.popleft()

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with suppress(ConnectionError):
                await writer.wait_closed()


class _Asked:
    """What was asked in a transaction, and whether all of it is answered and the transaction over."""

    def __init__(self, backend: asyncio.StreamWriter) -> None:
        self._backend = backend
        self._open = 0
        self.answered = False

    def say(self, message: bytes) -> None:
        self._backend.write(message)
        self._open += message[:1] in (b"Q", b"S")

    async def pass_on(self, said: asyncio.Queue[bytes]) -> None:
        while message := await said.get():
            self.say(message)

    def heard(self, answer: bytes) -> None:
        self._open -= answer[:1] == b"Z"
        self.answered = answer == _READY_IDLE and self._open == 0


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(int.from_bytes(head[1:], "big") - 4)


async def _hear(client: asyncio.StreamReader, said: asyncio.Queue[bytes]) -> None:
    """Whole messages; at the end an empty one."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            said.put_nowait(await _message(client))
    said.put_nowait(b"")


@contextmanager
def a_strict_pooler(server: Path, folder: Path) -> Iterator[Pooler]:
    """Before the server whose socket lies in one folder; its own lies in the other."""
    pooler, ready = Pooler(str(server / ".s.PGSQL.5432")), threading.Event()
    told: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def work() -> None:
        told.append((asyncio.get_running_loop(), asyncio.Event()))
        async with await asyncio.start_unix_server(pooler.serve, folder / ".s.PGSQL.5432"):
            ready.set()
            await told[0][1].wait()
        await pooler.close()

    thread = threading.Thread(target=asyncio.run, args=(work(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield pooler
    finally:
        loop, over = told[0]
        loop.call_soon_threadsafe(over.set)
        thread.join()

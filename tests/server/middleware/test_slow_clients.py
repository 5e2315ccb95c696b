"""Slow clients over a real socket: each is cut off, and those who are not slow are answered meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Response

from hitl_core.config import Serving
from hitl_core.server import create_app
from hitl_core.server.listening import Listener, bound
from tests.core.shop import Shop, one_refund

PATIENCE = 1.0
"""Seconds: no machine is so busy that who is not slow takes longer."""
LARGE = 32 << 20


@asynccontextmanager
async def listening(folder: Path, patience: float = PATIENCE) -> AsyncIterator[tuple[tuple[str, int], Listener]]:
    """The application as `hitl serve` serves it: its address, and what listens there."""
    shop, serving = Shop(folder), Serving(patience=patience, calls_a_minute=0)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        app = create_app(hitl, serving)
        _has_something_large(app)
        there = asyncio.Event()
        with bound("127.0.0.1", 0) as at:
            listener = Listener(app, serving, told=there.set)
            running = asyncio.create_task(listener.serve([at]))
            await there.wait()
            try:
                yield at.getsockname(), listener
            finally:
                listener.end()
                await running


def _has_something_large(app: FastAPI) -> None:
    @app.get("/large")
    async def large() -> Response:
        return Response(b"x" * LARGE)


async def connected(address: tuple[str, int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*address)


async def cut_off(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server ends the connection. Begun at once, unless it is about who reads nothing."""
    came = b""
    async with asyncio.timeout(30):
        with suppress(ConnectionResetError):
            while more := await reader.read(1 << 16):
                came += more
    return came


def drip(writer: asyncio.StreamWriter) -> None:
    """A byte now and then, for as long as the connection stands."""
    if not writer.transport.is_closing():
        writer.write(b"a")
        asyncio.get_running_loop().call_later(0.02, drip, writer)


async def fine(address: tuple[str, int]) -> int:
    host, port = address
    async with httpx.AsyncClient(timeout=30) as client:
        return (await client.get(f"http://{host}:{port}/openapi.json")).status_code


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET / HT",
        b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\nx-slow: ",
        b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\nGET /openapi.json HTTP/1.1\r\nhost: local",
    ],
    ids=["nothing", "a line", "headers", "the next one"],
)
async def test_who_does_not_say_what_they_want_is_cut_off(tmp_path: Path, head: bytes) -> None:
    async with listening(tmp_path) as (address, _):
        reader, writer = await connected(address)
        reading = asyncio.create_task(cut_off(reader))
        writer.write(head)
        if head:
            drip(writer)
        assert await fine(address) == 200
        came = await reading
        assert came.count(b"HTTP/1.1 200") == head.count(b"\r\n\r\n")
        writer.close()


async def test_who_sends_a_body_byte_by_byte_is_told_and_cut_off(tmp_path: Path) -> None:
    async with listening(tmp_path) as (address, _):
        reader, writer = await connected(address)
        reading = asyncio.create_task(cut_off(reader))
        writer.write(b"POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n")
        drip(writer)
        assert await fine(address) == 200
        came = await reading
        assert came.startswith(b"HTTP/1.1 408") or came == b""
        writer.close()


async def test_who_does_not_take_what_they_asked_for_is_cut_off(tmp_path: Path) -> None:
    async with listening(tmp_path) as (address, listener):
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, address)
        reader, writer = await asyncio.open_connection(sock=line, limit=8192)
        writer.write(b"GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert b" 200 " in await reader.readline()
        assert await fine(address) == 200
        async with asyncio.timeout(30):
            while listener.server_state.connections:  # noqa: ASYNC110  # uvicorn has no event for it
                await asyncio.sleep(0)
        assert len(await cut_off(reader)) < LARGE
        writer.close()


async def test_who_is_slow_within_the_patience_is_answered(tmp_path: Path) -> None:
    async with listening(tmp_path, patience=60.0) as (address, _):
        reader, writer = await connected(address)
        for byte in b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await cut_off(reader)).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_head_without_end_is_refused(tmp_path: Path) -> None:
    async with listening(tmp_path, patience=60.0) as (address, _):
        reader, writer = await connected(address)
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 100_000)
        assert (await cut_off(reader)).startswith(b"HTTP/1.1 400")
        writer.close()

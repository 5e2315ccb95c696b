"""How much may be sent and how slowly, whatever is said of it; and that the API takes JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hitl_core.config import Serving
from tests.server.middleware.asking import asking

SMALL = Serving(url="http://inbox.test", body=1024, patience=30.0)
HASTY = Serving(url="http://inbox.test", body=1024, patience=0.05)


async def pieces(*sizes: int) -> AsyncIterator[bytes]:
    """A body that nobody knows the length of."""
    for size in sizes:
        yield b"x" * size


async def trickling() -> AsyncIterator[bytes]:
    yield b"x"
    await asyncio.Event().wait()
    yield b"x"


async def test_what_is_small_enough_comes_through_whole(tmp_path: Path) -> None:
    async with asking(tmp_path, SMALL) as ask:
        assert (await ask("POST", "/told", content=b"x" * 1024)).json()["size"] == 1024
        assert (await ask("POST", "/told", content=pieces(500, 500, 24))).json()["size"] == 1024


@pytest.mark.parametrize("said", ["1025", "1" * 30, "-1", "1e3", "\u0661", ""])
async def test_what_says_that_it_is_larger_is_not_read(tmp_path: Path, said: str) -> None:
    async with asking(tmp_path, SMALL) as ask:
        headers = [(b"content-length", said.encode())]
        answered = await ask("POST", "/told", content=b"x", headers=headers)
        assert (answered.status_code, ask.came) == (413, [])
        assert answered.headers["connection"] == "close"
        assert "1024 bytes at most (server.body in hitl.toml)" in answered.text


async def test_what_is_larger_than_it_says_is_not_taken(tmp_path: Path) -> None:
    async with asking(tmp_path, SMALL) as ask:
        answered = await ask("POST", "/told", content=b"x" * 1025, headers={"content-length": "10"})
        assert (answered.status_code, ask.came) == (413, [])


async def test_what_does_not_say_how_large_it_is_is_counted(tmp_path: Path) -> None:
    async with asking(tmp_path, SMALL) as ask:
        answered = await ask("POST", "/told", content=pieces(1000, 24, 1))
        assert (answered.status_code, ask.came) == (413, [])


async def test_so_is_what_comes_with_a_question(tmp_path: Path) -> None:
    async with asking(tmp_path, SMALL) as ask:
        assert (await ask("GET", "/told", content=pieces(1025))).status_code == 413


async def test_who_sends_too_slowly_is_not_waited_for(tmp_path: Path) -> None:
    async with asking(tmp_path, HASTY) as ask:
        answered = await ask("POST", "/told", content=trickling())
        assert (answered.status_code, ask.came) == (408, [])
        assert "not all there after 0.05 s" in answered.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
async def test_the_api_takes_json_alone(tmp_path: Path, kind: str) -> None:
    """What a form of somebody else's page can send without asking is not JSON."""
    async with asking(tmp_path) as ask:
        answered = await ask("POST", "/api/told", content=b'{"a": 1}', headers={"content-type": kind})
        assert (answered.status_code, ask.came) == (415, [])
        assert answered.json()["title"] == "Unsupported Media Type"


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
async def test_json_is_json(tmp_path: Path, kind: str) -> None:
    async with asking(tmp_path) as ask:
        assert (await ask("POST", "/api/told", content=b"{}", headers={"content-type": kind})).status_code == 200


async def test_a_call_without_a_body_needs_no_kind(tmp_path: Path) -> None:
    async with asking(tmp_path) as ask:
        assert (await ask("POST", "/api/told")).status_code == 200

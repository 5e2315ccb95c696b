"""Which names the server answers to. A name of somebody else's that DNS leads here gets nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl_core.config import Proxy, Serving
from tests.server.middleware.asking import asking

HERE = Serving()
OPEN = Serving(host="0.0.0.0", url="https://inbox.example.com/hitl", proxy=Proxy(("10.0.0.7",)))
REBOUND = ["evil.example", "evil.example:8484", "127.0.0.1.nip.io", "localhost.evil.example", "inbox.example.com"]
NONE = [
    "",
    "a b",
    "127.0.0.1/x",
    "user@127.0.0.1",
    "127.0.0.1,evil.example",
    "[::1",
    "loc\u0430lhost",
]


async def status(folder: Path, serving: Serving, host: str) -> int:
    async with asking(folder, serving) as ask:
        answered = await ask("GET", "/told", headers={"host": host.encode()})
        assert bool(ask.came) == (answered.status_code == 200)
        return answered.status_code


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8484", "localhost:1", "LocalHost", "[::1]:8484", "localhost."]
)
async def test_this_machine_is_asked_for_by_its_own_names(tmp_path: Path, host: str) -> None:
    assert await status(tmp_path, HERE, host) == 200


@pytest.mark.parametrize("host", [*REBOUND, *NONE, "10.0.0.1", "8.8.8.8"])
async def test_and_by_no_other(tmp_path: Path, host: str) -> None:
    assert await status(tmp_path, HERE, host) == 421


@pytest.mark.parametrize("host", ["inbox.example.com", "INBOX.example.com:443", "10.0.0.1", "[2001:db8::1]:80"])
async def test_a_server_for_others_is_asked_for_by_its_url_or_an_address(tmp_path: Path, host: str) -> None:
    assert await status(tmp_path, OPEN, host) == 200


@pytest.mark.parametrize("host", ["evil.example", "example.com", "x.inbox.example.com", "localhost", *NONE])
async def test_and_by_no_other_name(tmp_path: Path, host: str) -> None:
    assert await status(tmp_path, OPEN, host) == 421


async def test_further_names_are_configured(tmp_path: Path) -> None:
    serving = Serving(hosts=("inbox.internal",))
    assert await status(tmp_path, serving, "inbox.internal:8080") == 200
    assert await status(tmp_path, serving, "inbox.internal.evil.example") == 421


async def test_who_is_refused_reads_what_to_do(tmp_path: Path) -> None:
    async with asking(tmp_path, HERE) as ask:
        page, api = [await ask("GET", path, headers={"host": "evil.example"}) for path in ("/told", "/api/told")]
    assert "'evil.example'; if it should, add it to server.hosts in hitl.toml" in page.text
    assert api.headers["content-type"] == "application/problem+json"
    assert (api.json()["status"], api.json()["title"]) == (421, "Misdirected Request")


async def test_a_host_that_is_there_twice_is_none(tmp_path: Path) -> None:
    async with asking(tmp_path, HERE) as ask:
        answered = await ask("GET", "/told", headers=[("host", "localhost"), ("host", "evil.example")])
    assert answered.status_code == 421

"""A server that is away, busy, odd or another program: what is tried again, what is not, and what is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from hitl_core.client import RemoteRuntime, Server
from hitl_core.commands import StopScope
from hitl_core.errors import ConfigError, HitlError, NotSignedIn, NotUnderstood, RecordError, StoreUnavailable
from hitl_core.protocol import Allowance, RunState
from hitl_core.server.auth import Right
from hitl_core.testing.clock import START
from tests.core.shop import Shop
from tests.server.api.calling import EVERYTHING, HOST, Api, api, program
from tests.server.messages.wires import web
from tests.server.site import served


@pytest.fixture
async def served_api(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(Shop(tmp_path)) as made:
        made.door.known["t"] = program("ann")
        yield made


class Quick:
    """A clock that waits for nothing, and says for how long it should have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return START

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def client(
    transport: httpx.AsyncBaseTransport, clock: Quick, *, comes: str = "t"
) -> AsyncIterator[RemoteRuntime]:
    made = RemoteRuntime(Server(HOST, comes), clock=clock, transport=transport)
    async with made:
        yield made


class Failing(httpx.AsyncBaseTransport):
    """The server behind a way on which some calls break, before or after the server has carried them out."""

    def __init__(self, app: ASGIApp, *breaks: Exception, after: bool = False) -> None:
        self._inner, self._breaks, self._after = httpx.ASGITransport(app), list(breaks), after
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if not self._breaks:
            return await self._inner.handle_async_request(request)
        broken = self._breaks.pop(0)
        if self._after:
            await (await self._inner.handle_async_request(request)).aread()
        raise broken


LOST = httpx.ReadError("the connection broke")
REFUSED = httpx.ConnectError("nobody listens")


async def test_what_can_be_repeated_is_done_once_though_its_answer_was_lost(served_api: Api) -> None:
    way, clock = Failing(served_api.door, LOST, LOST, after=True), Quick()
    async with client(way, clock) as hitl:
        run = await hitl.start({"do": "look"})
    assert run.state is RunState.COMPLETED
    assert served_api.shop.ledger.count("look_up") == 1
    assert len({request.headers["idempotency-key"] for request in way.sent}) == 1
    assert clock.slept == [0.2, 0.4]


async def test_a_grant_is_given_once_though_its_answer_was_lost(served_api: Api) -> None:
    way = Failing(served_api.door, LOST, after=True)
    async with client(way, Quick()) as hitl:
        await hitl.grant(Allowance(tool="look_up"), by="ann", lasts=timedelta(hours=1))
        assert len(await hitl.grants()) == 1


async def test_what_cannot_be_repeated_is_not_sent_twice(served_api: Api) -> None:
    run = await served_api.hitl.start({})
    way = Failing(served_api.door, LOST, after=True)
    async with client(way, Quick()) as hitl:
        with pytest.raises(StoreUnavailable, match="whether this was done is not known"):
            await hitl.cancel(run.id, by="ann")
        assert (await hitl.run(run.id)).state is RunState.CANCELLED
    assert [request.method for request in way.sent] == ["POST", "GET"]


async def test_what_never_arrived_is_sent_again_whatever_it_is(served_api: Api) -> None:
    run = await served_api.hitl.start({})
    way = Failing(served_api.door, REFUSED, REFUSED)
    async with client(way, Quick()) as hitl:
        assert (await hitl.cancel(run.id, by="ann")).state is RunState.CANCELLED


async def test_a_server_that_is_away_is_said_to_be(served_api: Api) -> None:
    clock = Quick()
    async with client(Failing(served_api.door, *[REFUSED] * 9), clock) as hitl:
        for call in (hitl.runs, hitl.tick):
            with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:8484 cannot be reached .*nothing was done"):
                await call()
    assert clock.slept == [0.2, 0.4, 0.8] * 2


async def test_a_stream_to_a_server_that_is_away_says_so(served_api: Api) -> None:
    async with client(Failing(served_api.door, REFUSED), Quick()) as hitl:
        with pytest.raises(StoreUnavailable, match="nothing was done"):
            _ = [event async for event in hitl.stream({})]


async def test_a_token_that_is_not_known_is_said_and_nothing_is_done(served_api: Api) -> None:
    async with client(httpx.ASGITransport(served_api.door), Quick(), comes="other") as hitl:
        with pytest.raises(NotSignedIn):
            await hitl.start({})
    assert (await served_api.hitl.runs()).items == ()


@pytest.mark.parametrize(
    ("status", "kind", "body", "error", "says"),
    [
        (200, "text/html", b"<html>", RecordError, "another release"),
        (302, "text/html", b"", StoreUnavailable, "not the API of a server"),
        (404, "text/plain", b"no such page", NotUnderstood, "no such page"),
        (500, "text/plain", b"oops", HitlError, "oops"),
        (503, "text/plain", b"busy", StoreUnavailable, "busy"),
        (409, "application/problem+json", b"{}", NotUnderstood, "{}"),
    ],
)
async def test_what_is_no_answer_of_ours_is_told_by_its_status(
    status: int, kind: str, body: bytes, error: type[HitlError], says: str
) -> None:
    async def odd(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind.encode())]})
        await send({"type": "http.response.body", "body": body})

    async with client(httpx.ASGITransport(odd), Quick()) as hitl:
        with pytest.raises(error, match=says):
            await hitl.stops()


async def test_what_cannot_be_sent_is_refused_before(served_api: Api) -> None:
    way = Failing(served_api.door)
    async with client(way, Quick()) as hitl:
        with pytest.raises(NotUnderstood, match="reason"):
            await hitl.stop(StopScope.ALL, by="ann", reason="")
    assert way.sent == []


async def test_who_may_not_have_it_worked_on_waits_for_who_may(served_api: Api) -> None:
    served_api.door.known["reader"] = program("eve", rights=EVERYTHING - {Right.START})
    run = await served_api.hitl.start({}, by="cleo")
    await served_api.hitl.respond(run.pending[0].approve(by="ann"))
    async with client(httpx.ASGITransport(served_api.door), Quick(), comes="reader") as hitl:
        waiting = asyncio.create_task(hitl.wait(run.id))
        await served_api.hitl.resume(run.id)
        assert (await waiting).state is RunState.COMPLETED


async def test_a_token_that_stays_on_this_machine_goes_to_no_proxy(
    served_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with served(served_api.door) as port, RemoteRuntime(Server(f"http://127.0.0.1:{port}", "t")) as hitl:
            assert await hitl.stop(StopScope.TOOL, "mail", by="ann", reason="x") == 0
        assert proxy.calls == []


async def test_who_stops_waiting_leaves_the_run_at_work(served_api: Api) -> None:
    async with served(served_api.door) as port:
        hitl = RemoteRuntime(Server(f"http://127.0.0.1:{port}", "t"))
        run = await served_api.hitl.start_as("slow-run", {"do": "slow"}, within=0.001)
        with pytest.raises(TimeoutError):
            await hitl.wait(run.id, timeout=0.05)
        served_api.held.set()
        assert (await hitl.wait(run.id)).state is RunState.COMPLETED
        await hitl.close()


# ── which server ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "options", "says"),
    [
        ("http://inbox.example.com", {}, "for everybody on the way to read"),
        ("http://10.0.0.7:8484", {}, "for everybody on the way to read"),
        ("https://ann:pw@inbox.example.com", {}, "a name or a password"),
        ("https://inbox.example.com?token=t", {}, "a query or a fragment"),
        ("https://", {}, "names no host"),
        ("https://[::1", {}, "is no URL"),
        ("https://inbox.example.com", {"audit_key": "k"}, "is for a store that is opened here"),
        ("http://inbox.example.com", {"plain_http": "yes"}, "must be 'allowed'"),
    ],
)
def test_what_would_give_a_token_away_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, options: dict[str, str], says: str
) -> None:
    monkeypatch.setenv("HITL_TOKEN", "t")
    with pytest.raises(ConfigError, match=says):
        Server.of(url, options, tmp_path)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8484", "http://localhost", "http://[::1]:8484", "https://x.example"])
def test_where_nobody_reads_it_a_token_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HITL_TOKEN", "t")
    assert Server.of(f"{url}/", {}, tmp_path) == Server(url, "t")
    assert "'t'" not in repr(Server(url, "t"))


def test_a_plain_way_that_is_safe_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HITL_TOKEN", "t")
    assert Server.of("http://inbox.internal", {"plain_http": "allowed"}, tmp_path).token == "t"


def test_a_token_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HITL_TOKEN", raising=False)
    url = "https://inbox.example.com"
    write: Callable[[str], object] = (tmp_path / "token").write_text
    for text, says in (("two words", "holds no token"), ("", "is missing")):
        write(text)
        with pytest.raises(ConfigError, match=says):
            Server.of(url, {"token_file": "token"}, tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        Server.of(url, {"token_file": "nothing"}, tmp_path)
    write("from-the-file\n")
    assert Server.of(url, {"token_file": "token"}, tmp_path).token == "from-the-file"
    monkeypatch.setenv("HITL_TOKEN", "from-outside")
    assert Server.of(url, {"token_file": "token"}, tmp_path).token == "from-outside"

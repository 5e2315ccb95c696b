"""The streams over a real socket: many listeners, one that reads nothing, a restart, an end."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hitl_core.callers.seats import MOST
from hitl_core.commands import FollowAudit
from hitl_core.protocol import Responder
from hitl_core.server import create_app
from hitl_core.server.auth import Right, tokens
from hitl_core.server.feed import Hub, streams
from hitl_core.server.feed import hub as hubs
from tests.cli.shop import PATIENCE
from tests.core.shop import Shop, one_refund
from tests.core.stores.world import World
from tests.server.auth.house import house
from tests.server.site import SMALL, AsVisitor, browsing, served, somebody


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[tuple[AsVisitor, World, Hub]]:
    """The application over a shop, whoever listens to it, and a way to let things happen."""
    shop = Shop(folder)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        app = create_app(hitl)
        app.state.hub = Hub(hitl.store)
        try:
            yield AsVisitor(app), World(hitl.store), app.state.hub
        finally:
            await app.state.hub.close()


class Line:
    """One listener over a socket, which reads as it is told."""

    def __init__(self, port: int, path: str, **headers: str) -> None:
        self.port, self.path, self.headers = port, path, headers
        self.at = 0
        self.ids: list[int] = []
        self.names: list[str] = []

    async def __aenter__(self) -> Line:
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", self.port))
        self.reader, self.writer = await asyncio.open_connection(sock=line, limit=SMALL)
        said = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in self.headers.items())
        self.writer.write(f"GET {self.path} HTTP/1.1\r\nhost: localhost\r\n{said}\r\n".encode())
        status = await self.reader.readline()
        assert b" 200 " in status, status
        while (await self.reader.readline()).strip():
            pass
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.writer.close()

    async def read(self, until: int) -> list[int]:
        """The ids of the events that came, up to one."""
        async with asyncio.timeout(60):
            while not self.ids or self.ids[-1] < until:
                line = (await self.reader.readline()).decode()
                assert line, "the stream has ended"
                if line.startswith("id: "):
                    self.at = int(line[4:])
                elif line.startswith("event: "):
                    self.names.append(line[7:].strip())
                elif line.startswith("data: "):
                    self.ids.append(self.at)
        return self.ids


async def test_two_hundred_listen_and_each_is_told_everything_once(tmp_path: Path) -> None:
    """One read of the trail serves all of them, and none of them makes another wait."""
    count, rounds = 200, 5
    async with site(tmp_path) as (app, world, hub), served(app) as port:
        reads = 0
        fetch = hub._store.fetch

        async def counted(query: Any) -> Any:
            nonlocal reads
            reads += 1
            return await fetch(query)

        lines = [Line(port, "/api/events") for _ in range(count)]
        for each in range(0, count, MOST):  # as many as one person may have
            app.now = somebody(f"person-{each}")
            await asyncio.gather(*(line.__aenter__() for line in lines[each : each + MOST]))
        assert hub.listeners == count
        hub._store.fetch = counted  # type: ignore[method-assign]  # to count what the hub asks
        before = time.process_time()
        for _ in range(rounds):
            await world.paused()
        found = await asyncio.gather(*(each.read(until=3 * rounds) for each in lines))
        spent = time.process_time() - before
        assert found == [list(range(1, 3 * rounds + 1))] * count
        assert reads <= 4 * rounds, "as many as there were changes, and not as many as there are listeners"
        assert spent / (count * 3 * rounds) < 0.01, "seconds of a processor for an event to one listener"
        await asyncio.gather(*(each.__aexit__() for each in lines))


async def test_one_that_reads_nothing_holds_up_nobody_and_is_sent_away(
    tmp_path: Path,
) -> None:
    """Its socket is full, then its queue; it is let go, and what it has not read is in the trail."""
    at_once = 20
    async with site(tmp_path) as (app, world, hub), served(app) as port:
        hub._room = 100
        async with Line(port, "/api/events") as stuck, Line(port, "/api/events") as quick:
            stuck.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket has it
            for number in range(1, 50):
                await asyncio.gather(*(world.paused() for _ in range(at_once)))
                assert (await quick.read(until=3 * at_once * number))[-1] == 3 * at_once * number
                if any(each._slow for each in hub._listeners):
                    break
            assert [each._slow for each in hub._listeners].count(True) == 1, "its queue has an end"
            stuck.writer.transport.resume_reading()  # type: ignore[attr-defined]  # a socket has it
            while (said := await stuck.reader.readline()).strip() != b"event: again":
                assert said, "it was told to come again before it was let go"
            assert quick.ids == list(range(1, 3 * at_once * number + 1))


async def test_a_page_goes_on_where_it_was_when_the_server_is_started_anew(tmp_path: Path) -> None:
    """As a browser does: it comes again by itself, with the last id it was told."""
    async with site(tmp_path) as (app, world, _), served(app) as port, Line(port, "/api/events?after=0") as line:
        await world.paused()
        seen = (await line.read(until=3))[-1]
    async with site(tmp_path) as (app, world, _):
        await world.paused()
        async with served(app) as port, Line(port, "/api/events", last_event_id=str(seen)) as line:
            await world.paused()
            assert await line.read(until=9) == [4, 5, 6, 7, 8, 9]


async def test_the_end_of_the_server_ends_the_streams(tmp_path: Path) -> None:
    async with site(tmp_path) as (app, _, hub), served(app) as port, Line(port, "/api/events") as line:
        await hub.close()
        async with asyncio.timeout(20):
            rest = await line.reader.readuntil(b"\r\n0\r\n\r\n")  # where a response is whole
    assert b"event: again" in rest


async def test_a_page_hears_of_what_it_has_named(tmp_path: Path) -> None:
    async with site(tmp_path) as (app, world, _), served(app) as port:
        _, (request, other) = await world.paused(count=2)
        path = f"/feed?on=queue&on=request.{request.id}&after=4"
        async with Line(port, path) as line:
            await world.answer(other.approve(by="ann"))
            await line.read(until=5)
            await world.answer(request.approve(by="ann"))
            await line.read(until=6)
    assert line.names == ["queue", f"request.{request.id}", "queue"]


async def test_what_is_no_id_is_refused(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    async with shop.open(one_refund(shop.ledger)) as hitl, browsing(hitl) as (client, _):
        for last in ("-1", "x", "1.5"):
            assert (await client.get("/api/events", headers={"last-event-id": last})).status_code == 400
        assert (await client.get("/feed", params={"on": ["x"] * 51})).status_code == 422
        assert (await client.get("/feed")).status_code == 422


async def test_nobody_listens_who_has_not_come_in(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    async with shop.open(one_refund(shop.ledger)) as hitl, browsing(hitl) as (client, door):
        door.now = None
        assert (await client.get("/api/events")).status_code == 401
        assert (await client.get("/feed?on=queue")).status_code == 401


async def test_over_the_socket_too_each_is_told_what_is_theirs(tmp_path: Path) -> None:
    async with site(tmp_path) as (app, world, _), served(app) as port:
        app.now = somebody(tenant="north", rights=frozenset({Right.RUNS}))
        async with Line(port, "/api/events") as line:
            await world.open(tenant="south")
            north = await world.open(tenant="north")
            assert await line.read(until=2) == [2]
            assert line.names == ["run.started"]
    assert north.run.tenant == "north"


async def test_whose_token_is_revoked_is_told_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LOOKED_UP", 0.0)
    shop = Shop(tmp_path)
    async with house(shop) as at, served(at.app) as port:
        boss = Responder(id="root", channel="terminal")
        secret, token = await tokens.make(at.site, person="ann", rights=(Right.RUNS,), by=boss)
        async with Line(port, "/api/events", authorization=f"Bearer {secret}") as line:
            await at.hitl.start({})
            await _read_to(line, b'"event":"run.paused"')
            assert await tokens.revoke(at.site, token.id, by=boss)
            await at.hitl.start({})
            assert b"event: run." not in await _read_to(line, b"event: again")


async def test_one_person_has_so_many_streams_and_keeps_nobody_else_out(tmp_path: Path) -> None:
    async with site(tmp_path) as (app, world, hub), served(app) as port:
        lines = [Line(port, "/api/events") for _ in range(MOST)]
        await asyncio.gather(*(each.__aenter__() for each in lines))
        async with httpx.AsyncClient(base_url=f"http://localhost:{port}", timeout=PATIENCE) as client:
            for path in ("/api/events", "/feed?on=queue"):
                answered = await client.get(path)
                assert (answered.status_code, answered.headers["retry-after"]) == (429, "5"), path
        app.now = somebody("bob")
        async with Line(port, "/api/events") as other:
            await world.paused()
            await other.read(until=3)
        app.now = somebody()
        await lines.pop().__aexit__()
        async with asyncio.timeout(20):
            while hub.listeners > len(lines):
                await world.paused()  # who has gone is noticed when there is something to tell
        async with Line(port, "/api/events"):
            assert hub.listeners == MOST
        await asyncio.gather(*(each.__aexit__() for each in lines))


async def test_nobody_has_the_whole_trail_told_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program is told to load anew; a page is told to, of all that it shows, and hears what comes then."""
    monkeypatch.setattr(hubs, "FAR", 5)
    async with site(tmp_path) as (app, world, _), served(app) as port:
        await world.paused()
        await world.paused()
        async with httpx.AsyncClient(base_url=f"http://localhost:{port}", timeout=PATIENCE) as client:
            answered = await client.get("/api/events?after=0")
            assert (answered.status_code, "/api/audit" in answered.json()["detail"]) == (410, True)
            answered = await client.get("/api/events", headers={"last-event-id": "0"})
            assert answered.status_code == 410
        async with Line(port, "/api/events?after=1") as line:
            assert await line.read(until=6) == [2, 3, 4, 5, 6]
        async with Line(port, "/feed?on=queue&on=runs&after=0") as line:
            await line.read(until=6)
            assert line.names == ["queue", "runs"], "all of them, once"
            await world.paused()
            await line.read(until=9)
            assert set(line.names[2:]) == {"queue", "runs"}


async def test_what_was_missed_is_read_for_a_few_at_a_time(tmp_path: Path) -> None:
    """However many come with an old number, the store is asked for so many pages at once."""
    async with site(tmp_path) as (app, world, hub), served(app) as port:
        await world.paused()
        fetch, at_once, most = hub._store.fetch, 0, 0

        async def counted(query: Any) -> Any:
            nonlocal at_once, most
            if not isinstance(query, FollowAudit) or query.newest:
                return await fetch(query)
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            try:
                return await fetch(query)
            finally:
                at_once -= 1

        hub._store.fetch = counted  # type: ignore[method-assign]  # to count what the hub asks
        lines = [Line(port, "/api/events?after=0") for _ in range(MOST)]
        await asyncio.gather(*(each.__aenter__() for each in lines))
        assert await asyncio.gather(*(each.read(until=3) for each in lines)) == [[1, 2, 3]] * MOST
        assert 1 < most <= hubs.REPLAYED + 1, "those who missed something, and the follower"
        await asyncio.gather(*(each.__aexit__() for each in lines))


async def _read_to(line: Line, last: bytes) -> bytes:
    """What comes up to a line with this in it."""
    read = b""
    async with asyncio.timeout(20):
        while last not in read:
            read += await line.reader.readline()
    return read

"""One follower, many listeners: nobody misses a line or is told it twice, and who is slow holds up nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hitl_core.commands import (
    Command,
    GiveGrant,
    Note,
    Query,
    SetStop,
    Stop,
    StopScope,
    WriteNote,
)
from hitl_core.errors import StoreUnavailable
from hitl_core.protocol import Allowance, Approve, AuditEvent, Grant, Reject, Responder, Response
from hitl_core.server.auth import Right, Visitor
from hitl_core.server.feed import hub as hubs
from hitl_core.server.feed import streams
from hitl_core.server.feed.hub import Hub
from hitl_core.server.feed.streams import changes, events
from hitl_core.stores.sqlite import SqliteStore
from tests.core.stores.world import World

EVERYTHING = frozenset(Right)


@asynccontextmanager
async def desk(folder: Path, **options: Any) -> AsyncIterator[tuple[World, Hub]]:
    """A store in a file and its hub, as a new process would have them."""
    store = await SqliteStore.open(folder / "desk.db")
    hub = Hub(store, **options)
    try:
        yield World(store), hub
    finally:
        await hub.close()
        await store.close()


def somebody(tenant: str | None = None, rights: frozenset[Right] = EVERYTHING) -> Visitor:
    return Visitor(Responder(id="ann"), "ann", tenant, rights)


def parsed(chunk: bytes) -> dict[str, str]:
    lines = (line.partition(": ") for line in chunk.decode().splitlines() if line)
    return {name: value for name, _, value in lines}


async def told(hub: Hub, count: int, after: int | None, who: Visitor | None = None) -> list[dict[str, str]]:
    """The next events of a stream, without its beats."""
    visitor, found = who or somebody(), list[dict[str, str]]()
    async with aclosing(events(hub, visitor_sees(visitor), after)) as stream:
        async for chunk in stream:
            found += [parsed(chunk)] if b"event:" in chunk else []
            if len(found) == count:
                return found
    return found


def visitor_sees(visitor: Visitor) -> Any:
    return lambda event: event.is_for(visitor)


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # it is somebody else's condition
            await asyncio.sleep(0)


async def test_it_goes_on_after_the_last_id_also_in_a_new_process(tmp_path: Path) -> None:
    async with desk(tmp_path) as (world, hub):
        await world.paused()
        first = await told(hub, 2, after=0)
    async with desk(tmp_path) as (world, hub):
        await world.paused()
        rest = await told(hub, 4, after=int(first[-1]["id"]))
    assert [int(each["id"]) for each in (*first, *rest)] == [1, 2, 3, 4, 5, 6]
    assert [each["event"] for each in first] == ["run.started", "request.opened"]


async def test_who_comes_without_an_id_is_told_what_comes(tmp_path: Path) -> None:
    async with desk(tmp_path) as (world, hub):
        await world.paused()
        listening = asyncio.create_task(told(hub, 3, after=None))
        await until(lambda: hub.listeners)
        await world.paused()
        assert [each["id"] for each in await listening] == ["4", "5", "6"]


async def test_an_id_that_this_trail_has_not_come_to_is_as_none(tmp_path: Path) -> None:
    async with desk(tmp_path) as (world, hub):
        listening = asyncio.create_task(told(hub, 3, after=1_000))
        await until(lambda: hub.listeners)
        await world.paused()
        assert [each["id"] for each in await listening] == ["1", "2", "3"]


async def test_under_load_nobody_misses_a_line_or_is_told_it_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listeners come at any time, with any number, while lines are written by another store object."""
    monkeypatch.setattr(hubs, "PAGE", 7)
    monkeypatch.setattr(hubs, "GATHER", 0)
    last = 3 * 120
    async with desk(tmp_path) as (_, hub), desk(tmp_path) as (writer, _):
        await writer.paused()
        listening = []
        for number in range(1, 120):
            await writer.paused()
            if number % 6 == 0:
                after = number * 3 // (1 + number % 4)
                listening.append((after, asyncio.create_task(told(hub, last - after, after))))
                await asyncio.sleep(0)
        async with asyncio.timeout(60):
            for after, each in listening:
                assert [int(one["id"]) for one in await each] == list(range(after + 1, last + 1))


async def test_who_is_slow_is_told_to_come_again_and_holds_up_nobody(tmp_path: Path) -> None:
    async with desk(tmp_path, room=4) as (world, hub):
        slow = await hub.join(lambda _: True, None)
        assert slow is not None
        for last in (3, 6, 9):
            quick = asyncio.create_task(told(hub, 3, after=last - 3))
            await until(lambda: hub.listeners == 2)
            await world.paused()
            assert [int(each["id"]) for each in await quick] == [last - 2, last - 1, last]
        with pytest.raises(hubs.TooSlow):
            await slow.heard(1)
        await hub.leave(slow)
        assert [each["id"] for each in await told(hub, 5, after=slow.after)] == ["5", "6", "7", "8", "9"]


async def test_a_stream_that_was_too_slow_ends_with_the_word_to_come_again(tmp_path: Path) -> None:
    async with desk(tmp_path, room=2) as (world, hub):
        stream = events(hub, lambda _: True, None)
        assert parsed(await anext(stream)) == {"id": "0"}
        await world.paused()
        other = asyncio.create_task(told(hub, 1, after=2))
        assert (await other)[0]["id"] == "3"
        rest = [parsed(chunk) async for chunk in stream]
        assert rest == [{"event": "again", "data": "{}", "retry": "1000"}]
        assert hub.listeners == 0


async def test_a_listener_has_to_come_again_after_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else somebody whose session has ended would go on to listen."""
    monkeypatch.setattr(streams, "LASTS", 0.05)
    async with desk(tmp_path) as (_, hub):
        found = [parsed(chunk) async for chunk in events(hub, lambda _: True, None)]
    assert found[-1]["event"] == "again"


async def test_silence_is_told_with_how_far_the_trail_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not for somebody moves their id all the same: they need not read past it again."""
    monkeypatch.setattr(streams, "BEAT", 0.01)
    async with desk(tmp_path) as (world, hub), aclosing(events(hub, lambda _: False, None)) as stream:
        await world.paused()
        async with asyncio.timeout(20):
            while parsed(await anext(stream)) != {"id": "3"}:
                pass


async def test_when_nobody_listens_nothing_is_followed(tmp_path: Path) -> None:
    async with desk(tmp_path) as (world, hub):
        await world.paused()
        await told(hub, 1, after=0)
        assert hub._follower is None
        await told(hub, 1, after=1)


async def test_closing_lets_everybody_go(tmp_path: Path) -> None:
    async with desk(tmp_path) as (_, hub):
        listening = [asyncio.create_task(told(hub, 1, after=None)) for _ in range(3)]
        await until(lambda: hub.listeners == 3)
        await hub.close()
        async with asyncio.timeout(20):
            assert [each[0]["event"] for each in await asyncio.gather(*listening)] == ["again"] * 3
            assert (await told(hub, 1, after=None))[0]["event"] == "again"


class Away:
    """A store whose next reads fail."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self.failures = store, 0

    async def fetch(self, query: Query[Any]) -> Any:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the store is away")
        return await self.store.fetch(query)

    async def apply(self, command: Command[Any]) -> Any:
        return await self.store.apply(command)

    async def changed(self, *, timeout: float) -> None:
        await self.store.changed(timeout=timeout)

    async def close(self) -> None:
        await self.store.close()


async def test_a_store_that_was_away_is_followed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "PATIENCE", 0.01)
    async with desk(tmp_path) as (world, _):
        away = Away(await SqliteStore.open(tmp_path / "desk.db"))
        hub = Hub(away)
        listening = asyncio.create_task(told(hub, 3, after=None))
        await until(lambda: hub.listeners)
        away.failures = 3
        await world.paused()
        async with asyncio.timeout(20):
            assert [each["id"] for each in await listening] == ["1", "2", "3"]
        assert away.failures == 0
        await hub.close()
        await away.close()


# ── who is told what ─────────────────────────────────────────────────────────────────────────────────────────


async def all_told(hub: Hub, visitor: Visitor) -> list[dict[str, str]]:
    found = list[dict[str, str]]()
    async for page in hub.missed(0):
        found += [parsed(event.sent) for event in page if event.is_for(visitor)]
    return found


async def test_nobody_is_told_of_another_tenant(tmp_path: Path) -> None:
    async with desk(tmp_path) as (world, hub):
        north, south = await world.open(tenant="north"), await world.open(tenant="south")
        asked = world.request(south)
        await world.pause(south, asked)
        await world.store.apply(WriteNote(Note(AuditEvent.REQUEST_REFUSED, asked.id, "bob", {"code": "X"}), world.now))
        for scope, target in (
            (StopScope.TENANT, "south"),
            (StopScope.RUN, south.run.id),
            (StopScope.RUN, "run-to-come"),
            (StopScope.TOOL, "refund"),
        ):
            await world.store.apply(SetStop(Stop(scope, target, "why", "ann", world.now)))
        await world.store.apply(WriteNote(Note(AuditEvent.POLICY_CHANGED, "policy.toml", "store", {}), world.now))
        await world.store.apply(WriteNote(Note(AuditEvent.ROW_DAMAGED, "1", "store", {}), world.now))
        grant = Grant(
            id="grant-1",
            allows=Allowance(tool="refund"),
            tenant="south",
            by=Responder(id="ann"),
            given_at=world.now,
            expires_at=world.now + timedelta(hours=1),
        )
        await world.store.apply(GiveGrant(grant, world.now))
        of_north = await all_told(hub, somebody("north"))
        of_south = await all_told(hub, somebody("south"))
        of_all = await all_told(hub, somebody())
    assert [each["event"] for each in of_north] == ["run.started", "stop.set", "policy.changed"]
    assert json.loads(of_north[0]["data"])["run"] == north.run.id
    assert json.loads(of_north[1]["data"])["target"] == "refund"
    assert len(of_all) == len(of_north) + len(of_south) + 2 - 2, "two reach both; two are told of to nobody's tenant"
    assert south.run.id not in json.dumps(of_north)
    assert asked.id not in json.dumps(of_north)


@pytest.mark.parametrize(
    ("rights", "families"),
    [
        ((), set()),
        ((Right.REQUESTS,), {"request", "stop"}),
        ((Right.RUNS,), {"run", "stop"}),
        ((Right.OPERATE,), {"stop", "grant"}),
        ((Right.POLICY,), {"policy"}),
        ((Right.AUDIT,), {"request", "run", "stop", "grant", "policy", "act"}),
    ],
)
async def test_everybody_is_told_what_they_may_see(
    tmp_path: Path, rights: tuple[Right, ...], families: set[str]
) -> None:
    async with desk(tmp_path) as (world, hub):
        await world.paused()
        for event in (AuditEvent.STOP_SET, AuditEvent.GRANT_REVOKED, AuditEvent.POLICY_CHANGED, AuditEvent.ACT_REFUSED):
            await world.store.apply(WriteNote(Note(event, "x", "ann", {}), world.now))
        found = await all_told(hub, somebody(rights=frozenset(rights)))
    assert {each["event"].partition(".")[0] for each in found} == families


async def test_what_people_and_agents_have_said_is_not_told(tmp_path: Path) -> None:
    secret = "4111-1111"
    async with desk(tmp_path) as (world, hub):
        claimed = await world.open(input={"card": secret})
        request = world.request(claimed, title=secret, prompt=secret)
        await world.pause(claimed, request)
        said = Response.to(request, Reject(), by=Responder(id="ann", authenticated_by="oidc"), reason=secret)
        await world.answer(said)
        stop = Stop(StopScope.TOOL, "refund", secret, "ann", world.now)
        await world.store.apply(SetStop(stop))
        note = Note(
            AuditEvent.REQUEST_REFUSED, request.id, "bob", {"faults": [secret], "why": secret, "code": "X" * 500}
        )
        await world.store.apply(WriteNote(note, world.now))
        found = await all_told(hub, somebody())
    decided = json.loads(next(each for each in found if each["event"] == "request.decided")["data"])
    assert (decided["by"], decided["decision"], decided["run"]) == ("ann", "reject", claimed.run.id)
    assert secret not in json.dumps(found)
    assert "X" * 500 not in json.dumps(found)


async def test_pages_are_told_the_names_of_what_has_changed(tmp_path: Path) -> None:
    async with desk(tmp_path) as (world, hub):
        run, (request,) = await world.paused()
        on = frozenset({"queue", f"request.{request.id}"})
        async with aclosing(changes(hub, lambda _: True, 0, on)) as stream:
            missed = (await anext(stream)).decode()
            assert missed == f"event: queue\ndata: 3\n\nid: 3\nevent: request.{request.id}\ndata: 3\n\n"
            assert parsed(await anext(stream)) == {"id": "3"}
            await world.answer(Response.to(request, Approve(), by="ann"))
            said = (await anext(stream)).decode()
    assert said.startswith(f"event: request.{request.id}\ndata: 4\n\n")
    assert said.endswith("id: 4\nevent: queue\ndata: 4\n\n")
    assert run.id not in said

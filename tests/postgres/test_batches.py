"""Answers that share a transaction: each is told its own, none suffers from another, and nothing counts twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hitl_core.audit import Fault, verify
from hitl_core.commands import GetRequest, Recorded, RecordResponse
from hitl_core.errors import AlreadyDecided, NotCanonical, RequestNotFound, ResponseRefused, StoreUnavailable
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import PauseRequest, RunState, new_id
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.engine import answers, engine, gathering
from hitl_core.stores.sql.dispatch import COMMANDS
from hitl_core.testing.clock import START
from tests.core.stores.crowd import raced
from tests.core.stores.world import World
from tests.postgres.server import a_schema, a_server, restart

pytestmark = pytest.mark.postgres
MANY = 64


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """The jobs of each transaction that was shared."""
    seen, real = list[list[Any]](), answers.carry_out

    def carry_out(link: Any, txn: Any, jobs: Any) -> Any:
        seen.append(list(jobs))
        return real(link, txn, jobs)

    monkeypatch.setattr(engine, "carry_out", carry_out)
    return seen


async def asked(store: PostgresStore, many: int) -> list[PauseRequest]:
    """Requests of as many runs."""
    paused = [await World(store).paused() for _ in range(many)]
    return [request for _, (request,) in paused]


async def given(store: PostgresStore, *responses: Any) -> list[Any]:
    """What came of these answers, which are given at once."""
    told = (store.apply(RecordResponse(each, START)) for each in responses)
    return await asyncio.gather(*told, return_exceptions=True)


async def decided(store: PostgresStore, requests: list[PauseRequest]) -> list[str]:
    """Who has decided each of them."""
    found = [await store.fetch(GetRequest(each.id)) for each in requests]
    assert {each.state for each in found} == {RequestState.DECIDED}
    return [each.response.responder.id for each in found if each.response is not None]


async def assert_intact(store: PostgresStore) -> None:
    report = await verify(store, store.custody)
    assert {each.fault for each in report.findings} <= {Fault.NO_ANCHORS}, report.findings


async def test_256_answers_some_of_which_are_refused_repeated_or_late(
    store: PostgresStore, batches: list[list[Any]]
) -> None:
    requests = await asked(store, MANY)
    wrong = [each.approve(by="cem").model_copy(update={"digest": f"sha256:{'0' * 64}"}) for each in requests]
    rounds = ([each.approve(by=who) for each in requests] for who in ("ann", "ann", "bob"))
    told = await given(store, *wrong, *(each for some in rounds for each in some))
    assert len(told) == 256
    counted = Counter(type(each) for each in told)
    assert counted == {Recorded: 2 * MANY, ResponseRefused: MANY, AlreadyDecided: MANY}
    assert Counter(each.replayed for each in told if isinstance(each, Recorded)) == {False: MANY, True: MANY}
    assert await decided(store, requests) == ["ann"] * MANY
    events = Counter(await World(store).events())
    assert (events["request.decided"], events["request.refused"]) == (MANY, 2 * MANY)
    assert max(map(len, batches)) > MANY
    await assert_intact(store)


async def test_as_many_as_there_are_take_as_many_rounds_and_statements_as_one(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests, counted = await asked(store, 20), list[tuple[int, int]]()
    real = gathering.GatheringLink.end

    def end(self: Any, how: str, behind: Any = ()) -> None:
        real(self, how, behind)
        counted.append((self.rounds, len(self._writes)))

    monkeypatch.setattr(gathering.GatheringLink, "end", end)
    await given(store, requests[0].approve(by="ann"))
    await given(store, *(each.approve(by="ann") for each in requests[1:]))
    assert set(counted) == {(3, 1)}
    assert len(counted) <= 3
    assert await decided(store, requests) == ["ann"] * 20


async def test_two_answers_in_one_run_see_each_other(store: PostgresStore, batches: list[list[Any]]) -> None:
    run, requests = await World(store).paused(count=5)
    told = await given(store, *(each.approve(by="ann") for each in requests))
    assert [each.run_state for each in told] == [RunState.PAUSED] * 4 + [RunState.READY]
    assert await World(store).run_state(run) is RunState.READY
    assert sum(map(len, batches)) == 5


async def test_what_one_command_does_wrong_is_told_to_nobody_else(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One breaks after its rows were gathered; the lines and rows of the others are those of the others alone."""
    requests, real = await asked(store, 8), COMMANDS[RecordResponse]

    def breaks_at_the_end(txn: Any, command: Any) -> Any:
        made = real(txn, command)
        if command.response.responder.id == "eve":
            raise NotCanonical([])
        return made

    monkeypatch.setattr(answers, "COMMANDS", {RecordResponse: breaks_at_the_end})
    told = await given(store, *(each.approve(by="eve" if n == 3 else "ann") for n, each in enumerate(requests)))
    assert [type(each) for each in told] == [NotCanonical if n == 3 else Recorded for n in range(8)]
    poisoned = requests.pop(3)
    assert await World(store).state(poisoned) is RequestState.OPEN
    assert await decided(store, requests) == ["ann"] * 7
    assert (await World(store).events()).count("request.decided") == 7
    await assert_intact(store)


async def test_what_the_server_refuses_of_one_is_kept_of_the_others(store: PostgresStore) -> None:
    requests = await asked(store, 6)
    names = [f"ann-{n}" if n != 2 else "e\0ve" for n in range(6)]
    told = await given(store, *(each.reject(f"by {who}", by=who) for each, who in zip(requests, names, strict=True)))
    assert [isinstance(each, Recorded) for each in told] == [n != 2 for n in range(6)]
    assert await World(store).state(requests.pop(2)) is RequestState.OPEN
    assert await decided(store, requests) == [name for name in names if "\0" not in name]


async def test_an_answer_to_what_there_is_not_is_refused_beside_the_others(store: PostgresStore) -> None:
    requests = await asked(store, 3)
    nowhere = requests[0].approve(by="ann").model_copy(update={"request_id": new_id(START)})
    told = await given(store, nowhere, *(each.approve(by="ann") for each in requests))
    assert [type(each) for each in told] == [RequestNotFound, Recorded, Recorded, Recorded]


async def test_who_waits_for_a_locked_run_holds_up_nobody(store: PostgresStore, url: str) -> None:
    requests = await asked(store, 5)
    with psycopg.connect(url) as other:
        other.execute(
            "SELECT 1 FROM hitl_runs r JOIN hitl_requests q ON q.run = r.key ORDER BY q.key LIMIT 1 FOR UPDATE"
        )
        waiting = asyncio.ensure_future(given(store, *(each.approve(by="ann") for each in requests[:1])))
        async with asyncio.timeout(10):
            told = await given(store, *(each.approve(by="ann") for each in requests[1:]))
        assert all(isinstance(each, Recorded) for each in told)
        assert not waiting.done()
    assert isinstance((await waiting)[0], Recorded)
    assert await decided(store, requests) == ["ann"] * 5


async def test_a_batch_whose_commit_is_not_answered_is_not_tried_again(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests, real = await asked(store, 4), gathering.GatheringLink.end

    def lost(self: Any, how: str, behind: Any = ()) -> None:
        real(self, how, behind)
        self.kept = False
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(gathering.GatheringLink, "end", lost)
    told = await given(store, *(each.approve(by="ann") for each in requests))
    assert all(isinstance(each, StoreUnavailable) and "not known" in str(each) for each in told)
    monkeypatch.setattr(gathering.GatheringLink, "end", real)
    assert await decided(store, requests) == ["ann"] * 4
    again = await given(store, *(each.approve(by="ann") for each in requests))
    assert all(each.replayed for each in again)
    assert (await World(store).events()).count("request.decided") == 4


async def test_the_server_is_killed_while_batches_are_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once before COMMIT is sent and once after it was answered; whoever is not told asks again."""
    real, kills = gathering.GatheringLink.end, iter((True, False))
    with a_server() as server:
        store = await PostgresStore.open(a_schema(server, tmp_path), folder=tmp_path)
        requests = await asked(store, 24)

        def end(self: Any, how: str, behind: Any = ()) -> None:
            before = next(kills, None)
            if before is True:
                restart(server)
            real(self, how, behind)
            if before is False:
                restart(server)

        monkeypatch.setattr(gathering.GatheringLink, "end", end)
        told = await given(store, *(each.approve(by="ann") for each in requests))
        unknown = [n for n, each in enumerate(told) if isinstance(each, StoreUnavailable)]
        assert unknown
        assert all(isinstance(each, Recorded) for n, each in enumerate(told) if n not in unknown)
        again = await given(store, *(requests[n].approve(by="ann") for n in unknown))
        assert all(isinstance(each, Recorded) for each in again)
        assert await decided(store, requests) == ["ann"] * 24
        assert (await World(store).events()).count("request.decided") == 24
        await assert_intact(store)
        await store.close()


@pytest.mark.processes
async def test_two_processes_with_batches_of_the_same_requests_are_in_nobodys_way(
    store: PostgresStore, url: str, tmp_path: Path
) -> None:
    requests = await asked(store, 120)
    names = [each.id for each in requests]
    place = (url, tmp_path)
    won = await asyncio.to_thread(raced, answer_in_crowds, [(place, names, "ann"), (place, names[::-1], "bob")])
    assert Counter(won) == dict.fromkeys(names, 1)
    assert Counter(await decided(store, requests)).total() == 120
    await assert_intact(store)


def answer_in_crowds(place: Any, requests: list[str], who: str, start: Any, won: Any) -> None:
    """Sixteen threads of one process answer all of them, in the same order; no other error than that one was late."""
    from concurrent.futures import ThreadPoolExecutor

    from tests.core.stores.crowd import opened

    store = opened(place)
    asked = [store.fetch_blocking(GetRequest(name)).request for name in requests]

    def answer(request: PauseRequest) -> str | None:
        try:
            store.apply_blocking(RecordResponse(request.approve(by=who), START))
        except AlreadyDecided:
            return None
        return request.id

    start.wait()
    with ThreadPoolExecutor(16) as threads:
        mine = [each for each in threads.map(answer, asked) if each is not None]
    store.close_blocking()
    won.put(mine)

"""Several handles on one store: each sees the others' commits at once, races have one winner, data outlives them."""

from __future__ import annotations

import asyncio

from hitl_core.commands import Claimed, ClaimRuns, GetRun, ListRequests, Recorded, RecordResponse
from hitl_core.errors import AlreadyDecided
from hitl_core.protocol import RunState
from tests.core.stores.conftest import Open
from tests.core.stores.world import World


async def test_what_one_handle_writes_another_reads_at_once(make_shared_store: Open) -> None:
    writer, reader = World(await make_shared_store()), World(await make_shared_store())
    run, (request,) = await writer.paused()
    assert await reader.run_state(run) is RunState.PAUSED
    await reader.answer(request.approve(by="ann"))
    assert await writer.run_state(run) is RunState.READY


async def test_a_pause_outlives_its_process(make_shared_store: Open) -> None:
    first = await make_shared_store()
    run, (request,) = await World(first).paused()
    await first.close()
    world = World(await make_shared_store())
    (found,) = (await world.store.fetch(ListRequests())).items
    assert found.request == request
    assert await world.store.fetch(GetRun(run.id)) == run


async def test_each_of_many_answers_is_won_once(make_shared_store: Open) -> None:
    worlds = [World(await make_shared_store()) for _ in range(2)]
    _, requests = await worlds[0].paused(count=40)
    answers = [
        world.store.apply(RecordResponse(request.approve(by=f"person-{number}"), world.now))
        for request in requests
        for number, world in enumerate(worlds)
    ]
    results = await asyncio.gather(*answers, return_exceptions=True)
    assert sum(isinstance(each, Recorded) for each in results) == 40
    assert sum(isinstance(each, AlreadyDecided) for each in results) == 40


async def test_each_run_is_claimed_by_one_worker(make_shared_store: Open) -> None:
    worlds = [World(await make_shared_store()) for _ in range(4)]
    for _ in range(30):
        claimed = await worlds[0].open()
        await worlds[0].pause(claimed)
    claims = [w.store.apply(ClaimRuns(f"worker-{n}", 30, w.now, limit=3)) for n in range(40) for w in worlds]
    taken: list[Claimed] = [each for batch in await asyncio.gather(*claims) for each in batch]
    assert len(taken) == 30
    assert len({each.run.id for each in taken}) == 30

"""Transcripts in a store: what is damaged, or not there, costs no other message."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from hitl_core.commands import Claimed, EraseRun, FinishRun, GetRun, KeepSaid, ListSaid, OpenRun, StopScope
from hitl_core.errors import HitlError, RecordError, RunBusy, RunNotFound, Stopped, TooLarge
from hitl_core.protocol import Role, Run, RunState, Said, state_id
from hitl_core.stores.sqlite import SqliteStore
from tests.core.stores.conftest import Open
from tests.core.stores.world import World


def said(world: World, claimed: Claimed, id: str, text: str) -> Said:
    return Said(id=id, run_id=claimed.run.id, role=Role.ASSISTANT, text=text, at=world.now)


async def texts(world: World) -> list[str]:
    return [each.text for each in (await world.store.fetch(ListSaid("thread-1"))).items]


async def test_there_is_nothing_to_say_in_a_run_that_is_not_there(world: World) -> None:
    with pytest.raises(RunNotFound):
        await world.store.apply(KeepSaid("none", ()))
    assert (await world.store.fetch(ListSaid("none"))).items == ()
    with pytest.raises(RecordError, match="no cursor"):
        await world.store.fetch(ListSaid("none", cursor="x"))


async def test_a_message_that_is_too_large_is_refused_with_all_that_came_with_it(world: World) -> None:
    claimed = await world.open()
    huge = said(world, claimed, "m2", "\x01" * 200_000)
    with pytest.raises(TooLarge):
        await world.store.apply(KeepSaid(claimed.run.id, (said(world, claimed, "m1", "hello"), huge)))
    assert await texts(world) == []


async def test_what_is_kept_wakes_nobody_and_leaves_no_line(world: World) -> None:
    claimed = await world.open()
    before = await world.events()
    await world.store.apply(KeepSaid(claimed.run.id, (said(world, claimed, "m1", "hello"),)))
    assert await world.events() == before


async def test_of_two_runs_that_say_one_message_at_once_it_is_kept_once(make_shared_store: Open) -> None:
    worlds = [World(await make_shared_store()) for _ in range(2)]
    claimed = [await worlds[0].open(), await worlds[0].open()]
    for number in range(5):
        await asyncio.gather(
            *(
                world.store.apply(KeepSaid(each.run.id, (said(world, each, f"m{number}", "hello"),)))
                for world, each in zip(worlds, claimed, strict=True)
            )
        )
    assert await texts(worlds[0]) == ["hello"] * 5


async def test_a_damaged_message_is_passed_over_and_written_anew(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "said.db")
    world = World(store)
    claimed = await world.open()
    await store.apply(
        KeepSaid(claimed.run.id, (said(world, claimed, "m1", "hello"), said(world, claimed, "m2", "you")))
    )
    with sqlite3.connect(tmp_path / "said.db") as other:
        other.execute("UPDATE hitl_bodies SET data = x'00' WHERE key = (SELECT body FROM hitl_said WHERE id = 'm1')")
    other.close()
    assert await texts(world) == ["you"]
    assert await store.apply(KeepSaid(claimed.run.id, (said(world, claimed, "m1", "hello"),))) == 1
    assert await texts(world) == ["hello", "you"]
    await store.close()


async def test_of_a_run_that_is_erased_nothing_is_kept_any_more(world: World) -> None:
    claimed = await world.open()
    await world.store.apply(KeepSaid(claimed.run.id, (said(world, claimed, "m1", "hello"),)))
    await world.store.apply(FinishRun(claimed.lease, RunState.COMPLETED, world.now))
    await world.store.apply(EraseRun(claimed.run.id, "dora", "asked for", world.now))
    assert await world.store.apply(KeepSaid(claimed.run.id, (said(world, claimed, "m2", "late"),))) == 0
    for thread in ("thread-1", claimed.run.id):
        assert (await world.store.fetch(ListSaid(thread))).items == ()


def begins(world: World, run: Run, text: str = "hello") -> OpenRun:
    words = Said(id="m1", run_id=run.id, role=Role.USER, text=text, at=world.now)
    return OpenRun(run, "worker-1", 30, world.now, (words,))


async def test_what_a_run_is_begun_with_is_kept_with_it(world: World) -> None:
    run = world.run()
    assert (await world.store.apply(begins(world, run))).run.id == run.id
    assert await texts(world) == ["hello"]


@pytest.mark.parametrize(("text", "wrong"), [("hello", Stopped), ("\x01" * 200_000, TooLarge)], ids=["stop", "large"])
async def test_of_a_run_that_is_not_begun_nothing_was_said(world: World, text: str, wrong: type[HitlError]) -> None:
    if wrong is Stopped:
        await world.stop(StopScope.ALL)
    run = world.run()
    with pytest.raises(wrong):
        await world.store.apply(begins(world, run, text))
    with pytest.raises(RunNotFound):
        await world.store.fetch(GetRun(run.id))
    assert await texts(world) == []


async def test_of_several_who_begin_one_run_at_once_one_does_and_its_words_are_kept_once(
    make_shared_store: Open,
) -> None:
    worlds = [World(await make_shared_store()) for _ in range(3)]
    for number in range(5):
        run = worlds[0].run(thread=f"thread-{number}")
        came = await asyncio.gather(*(each.store.apply(begins(each, run)) for each in worlds), return_exceptions=True)
        assert [isinstance(each, RunBusy) for each in came].count(True) == 2
        said = await worlds[0].store.fetch(ListSaid(f"thread-{number}"))
        assert [each.text for each in said.items] == ["hello"]


async def test_of_the_state_of_an_app_the_last_is_found_by_its_id_alone(world: World) -> None:
    claimed = await world.open()
    id = state_id(claimed.run.id)
    for text in ('{"paid": false}', '{"paid": 1}', '{"paid": 1}'):
        shown = said(world, claimed, id, text).model_copy(update={"role": Role.STATE})
        await world.store.apply(KeepSaid(claimed.run.id, (said(world, claimed, "m1", "hello"), shown)))
    forged = said(world, claimed, id, "no JSON at all, and longer").model_copy(update={"role": Role.USER})
    assert await world.store.apply(KeepSaid(claimed.run.id, (forged,))) == 0
    assert await texts(world) == ["hello"]
    assert [each.text for each in (await world.store.fetch(ListSaid("thread-1", id=id))).items] == ['{"paid": 1}']

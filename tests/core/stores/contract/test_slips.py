"""PutSlip, UseSlip, ChangeSlip, TakeSlips, DropSlips, PruneSlips: kept once, used once, taken by one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hitl_core.commands import (
    CancelRun,
    ChangeSlip,
    DropSlips,
    ErasePerson,
    EraseRun,
    GetSlip,
    ListSlips,
    NextDue,
    Note,
    PruneSlips,
    PutSlip,
    Slip,
    SlipKind,
    TakeSlips,
    UseSlip,
)
from hitl_core.errors import NotCanonical, RecordError, TooLarge
from hitl_core.protocol import AuditEvent
from tests.core.stores.conftest import Open
from tests.core.stores.world import World

LINK, HELD, SESSION = SlipKind.LINK, SlipKind.HELD, SlipKind.SESSION
NOTE = Note(AuditEvent.SESSION_OPENED, "session", "ann", {"channel": "web"})


def slip(world: World, key: str = "k", kind: SlipKind = LINK, **fields: Any) -> Slip:
    return Slip(kind, key, world.now, **fields)


async def put(world: World, key: str = "k", kind: SlipKind = LINK, **fields: Any) -> Slip:
    return await world.store.apply(PutSlip(slip(world, key, kind, **fields), world.now))


async def get(world: World, key: str = "k", kind: SlipKind = LINK) -> Slip | None:
    return await world.store.fetch(GetSlip(kind, key, world.now))


async def keys(world: World, kind: SlipKind = LINK, **by: Any) -> list[str]:
    return [each.key for each in (await world.store.fetch(ListSlips(kind, world.now, **by))).items]


def at(world: World, seconds: float) -> Any:
    return world.now + timedelta(seconds=seconds)


async def test_it_is_kept_as_given(world: World) -> None:
    given = slip(
        world,
        tenant="shop",
        person="ann",
        subject="request-1",
        body={"a": [1, None, "é"]},
        due=at(world, 5),
        expires=at(world, 9),
    )
    assert await world.store.apply(PutSlip(given, world.now, NOTE)) == given
    assert await get(world) == given
    assert await get(world, "other") is None
    assert await get(world, kind=HELD) is None
    assert await world.events() == ["session.opened"]


async def test_the_first_of_a_kind_and_key_stays_until_it_has_expired(world: World) -> None:
    first = await put(world, body={"n": 1}, expires=at(world, 10))
    await put(world, kind=HELD, body={"n": 2})
    assert await world.store.apply(PutSlip(slip(world, body={"n": 3}), world.now, NOTE)) == first
    assert await world.events() == []
    world.later(10)
    assert await get(world) is None
    second = await world.store.apply(PutSlip(slip(world, body={"n": 3}), world.now, NOTE))
    assert second.body == {"n": 3}
    assert await get(world) == second
    assert await world.events() == ["session.opened"]


async def test_it_is_used_once(world: World) -> None:
    await put(world, expires=at(world, 10))
    used = await world.store.apply(UseSlip(LINK, "k", world.later(1), NOTE))
    assert used is not None
    assert used.used_at == world.now
    assert await world.store.apply(UseSlip(LINK, "k", world.later(1), NOTE)) is None
    assert await world.store.apply(UseSlip(LINK, "unknown", world.now, NOTE)) is None
    assert await get(world) == used
    assert await world.store.apply(ChangeSlip(LINK, "k", world.now, {"a": 1})) is None
    assert await world.events() == ["session.opened"]


async def test_it_is_not_used_once_it_has_expired(world: World) -> None:
    await put(world, expires=at(world, 10))
    world.later(10)
    assert await world.store.apply(UseSlip(LINK, "k", world.now)) is None
    assert await world.store.apply(ChangeSlip(LINK, "k", world.now, expires=at(world, 10))) is None


async def test_of_many_that_use_it_at_once_one_gets_it(make_shared_store: Open) -> None:
    worlds = [World(await make_shared_store()) for _ in range(3)]
    for key in map(str, range(10)):
        await put(worlds[0], key)
        uses = [world.store.apply(UseSlip(LINK, key, world.now)) for world in worlds for _ in range(3)]
        assert sum(each is not None for each in await asyncio.gather(*uses)) == 1


async def test_of_many_that_put_it_at_once_one_is_kept(make_shared_store: Open) -> None:
    worlds = [World(await make_shared_store()) for _ in range(3)]
    for key in map(str, range(10)):
        puts = [put(world, key, body={"n": number}) for number, world in enumerate(worlds)]
        made = await asyncio.gather(*puts)
        assert len({each.body["n"] for each in made}) == 1
        assert await get(worlds[0], key) == made[0]


async def test_it_is_changed_while_it_counts(world: World) -> None:
    given = await put(world, body={"n": 1}, due=at(world, 5), expires=at(world, 10))
    assert await world.store.apply(ChangeSlip(LINK, "k", world.now)) == given
    changed = await world.store.apply(ChangeSlip(LINK, "k", world.now, {"n": 2}, at(world, 6), at(world, 20)))
    assert changed == replace(given, body={"n": 2}, due=at(world, 6), expires=at(world, 20))
    assert await get(world) == changed
    world.later(15)
    assert await get(world) == changed


async def test_those_whose_time_has_come_are_taken_by_one(world: World) -> None:
    later = await put(world, "later", HELD, due=at(world, 2))
    first = await put(world, "first", HELD, due=at(world, 1))
    await put(world, "no time", HELD)
    await put(world, "another kind", LINK, due=at(world, 1))
    await put(world, "gone", HELD, due=at(world, 1), expires=at(world, 2))
    await put(world, "used", HELD, due=at(world, 1))
    await world.store.apply(UseSlip(HELD, "used", world.now))
    assert await world.store.apply(TakeSlips(HELD, at(world, 60), world.now)) == ()
    world.later(2)
    assert await world.store.apply(TakeSlips(HELD, at(world, 60), world.now, limit=1)) == (first,)
    until = at(world, 60)
    assert await world.store.apply(TakeSlips(HELD, until, world.now)) == (later,)
    assert await world.store.apply(TakeSlips(HELD, until, world.now)) == ()
    found = await get(world, "later", HELD)
    assert found is not None
    assert found.due == until
    world.later(60)
    taken = await world.store.apply(TakeSlips(HELD, at(world, 60), world.now))
    assert [each.key for each in taken] == ["later", "first"], "in order of arrival"
    assert await world.store.fetch(NextDue()) is None


async def test_what_somebody_has_taken_is_not_taken_back(world: World) -> None:
    await put(world, "a", HELD, due=at(world, 5))
    await put(world, "b", HELD, due=at(world, 5))
    seen = at(world, 5)
    assert await world.store.apply(UseSlip(HELD, "a", world.now, due=at(world, 4))) is None
    assert await world.store.apply(UseSlip(HELD, "a", world.now, due=seen)) is not None
    world.later(5)
    assert [each.key for each in await world.store.apply(TakeSlips(HELD, at(world, 60), world.now))] == ["b"]
    assert await world.store.apply(UseSlip(HELD, "b", world.now, due=seen)) is None


async def test_each_is_taken_by_one_of_many(make_shared_store: Open) -> None:
    worlds = [World(await make_shared_store()) for _ in range(3)]
    for number in range(30):
        await put(worlds[0], str(number), HELD, due=worlds[0].now)
    takes = [w.store.apply(TakeSlips(HELD, at(w, 60), w.now, limit=3)) for _ in range(12) for w in worlds]
    taken = [each.key for batch in await asyncio.gather(*takes) for each in batch]
    assert sorted(taken) == sorted(map(str, range(30)))


async def test_they_are_dropped_by_key_by_person_and_by_subject(world: World) -> None:
    for person, subject in (("ann", "r1"), ("ann", "r2"), ("bob", "r1"), ("", "")):
        await put(world, f"{person}-{subject}", SESSION, person=person, subject=subject)
    await put(world, "ann-link", LINK, person="ann")
    drop = DropSlips(SESSION, world.now, note=NOTE)
    assert await world.store.apply(drop) == 0
    assert await world.store.apply(replace(drop, key="nobody")) == 0
    assert await world.store.apply(replace(drop, person="")) == 0
    assert await world.events() == []
    assert await world.store.apply(replace(drop, person="ann", subject="r2")) == 1
    assert await world.store.apply(replace(drop, subject="r1")) == 2
    assert await world.store.apply(replace(drop, key="-")) == 1
    assert (await keys(world, SESSION), await keys(world, LINK)) == ([], ["ann-link"])
    assert await world.events() == ["session.opened"] * 3


async def test_what_has_expired_is_not_counted_as_dropped(world: World) -> None:
    await put(world, "a", SESSION, person="ann", expires=at(world, 1))
    await put(world, "b", SESSION, person="ann")
    world.later(1)
    assert await world.store.apply(DropSlips(SESSION, world.now, person="ann")) == 1


async def test_they_are_listed_newest_first_page_by_page(world: World) -> None:
    for number in range(5):
        await put(world, str(number), tenant=f"t{number % 2}", person="ann" if number else "bob", subject=f"r{number}")
    await put(world, "gone", expires=at(world, 1))
    world.later(1)
    first = await world.store.fetch(ListSlips(LINK, world.now, limit=3))
    assert [each.key for each in first.items] == ["4", "3", "2"]
    second = await world.store.fetch(ListSlips(LINK, world.now, limit=3, cursor=first.cursor))
    assert ([each.key for each in second.items], second.cursor) == (["1", "0"], None)
    assert await keys(world, person="bob") == ["0"]
    assert await keys(world, tenant="t1") == ["3", "1"]
    assert await keys(world, subject="r2") == ["2"]
    assert await keys(world, person="ann", tenant="t0") == ["4", "2"]
    with pytest.raises(RecordError, match="no cursor"):
        await keys(world, cursor="nowhere")


async def test_what_has_expired_is_pruned(world: World) -> None:
    for number in range(5):
        await put(world, str(number), expires=at(world, number))
    await put(world, "for ever")
    world.later(3)
    assert await world.store.apply(PruneSlips(world.now, limit=3)) == 3
    assert await world.store.apply(PruneSlips(world.now, limit=3)) == 1
    assert await world.store.apply(PruneSlips(world.now)) == 0
    assert await keys(world) == ["for ever", "4"]


async def test_what_is_no_json_or_too_long_is_refused(world: World) -> None:
    with pytest.raises(NotCanonical):
        await put(world, body={"a": float("nan")})
    with pytest.raises(TooLarge):
        await put(world, body={"a": "x" * 300_000})
    assert await get(world) is None


async def test_a_person_who_is_erased_leaves_no_slip(world: World) -> None:
    await put(world, "own", SESSION, person="ann", body={"as": "ann"})
    await put(world, "about", LINK, person="bob", subject="ann", body={"text": "ann asks", "n": 1})
    other = await put(world, "other", LINK, person="bob", body={"text": "hello"})
    erased = await world.store.apply(ErasePerson("ann", "dora", "", world.now))
    assert await get(world, "own", SESSION) is None
    about = await get(world, "about")
    assert about is not None
    assert (about.subject, about.body) == (erased.name, {"text": f"{erased.name} asks", "n": 1})
    assert await get(world, "other") == other


async def test_a_run_that_is_erased_leaves_no_slip(world: World) -> None:
    run, (request,) = await world.paused()
    for subject in (run.id, request.id, "", "elsewhere"):
        await put(world, f"about {subject}", subject=subject)
    await world.store.apply(CancelRun(run.id, "ann", "", world.now))
    await world.store.apply(EraseRun(run.id, "dora", "", world.now))
    assert await keys(world) == ["about elsewhere", "about "]

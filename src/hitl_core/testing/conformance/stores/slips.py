"""What a store does with slips: sessions, links, tokens, held answers, messages, and what came of repeatable calls."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ....commands import (
    ChangeSlip,
    DropSlips,
    GetSlip,
    KeepMessages,
    ListSlips,
    Note,
    PruneSlips,
    PutSlip,
    Slip,
    SlipKind,
    TakeSlips,
    UseSlip,
)
from ....errors import RecordError
from ....protocol import AuditEvent
from ..expect import expect
from .suite import store_behaviour
from .world import StoreWorld

_LINK, _HELD = SlipKind.LINK, SlipKind.HELD
_PATIENCE = 60.0


async def _puts(world: StoreWorld, key: str = "k", kind: SlipKind = _LINK, **fields: Any) -> Slip:
    return await world.apply(PutSlip(Slip(kind, key, world.now, **fields), world.now))


async def _finds(world: StoreWorld, key: str = "k", kind: SlipKind = _LINK) -> Slip | None:
    return await (await world.store()).fetch(GetSlip(kind, key, world.now))


def _take(world: StoreWorld, limit: int = 100) -> TakeSlips:
    return TakeSlips(_HELD, world.now + timedelta(seconds=_PATIENCE), world.now, limit)


@store_behaviour("P20")
async def what_counts_once_is_used_by_one(world: StoreWorld) -> None:
    """Of many that use a link one does, whichever handle they have; its line is in the trail once, and it is kept."""
    await _puts(world, person="ann", subject="request-1", body={"digest": "d"})
    handles = [await world.store(), *[await world.another() for _ in range(2)]]
    use = UseSlip(_LINK, "k", world.now, Note(AuditEvent.LINK_USED, "request-1", "ann", {}))
    used = await asyncio.gather(*(handle.apply(use) for handle in handles for _ in range(3)))
    expect("who used it", sum(each is not None for each in used), 1)
    expect("the trail", await world.events(), ["link.used"])
    await world.reopen()
    expect("used once more", await world.apply(use), None)
    found = await _finds(world)
    expect("when it was used", None if found is None else found.used_at, world.now)
    expect("used, without being there", await world.apply(replace(use, key="unknown")), None)


@store_behaviour("P21")
async def what_has_expired_counts_for_nothing(world: StoreWorld) -> None:
    """From its end on a slip is not found, used, changed or taken, its key is free, and it is deleted when pruned."""
    ends = world.now + timedelta(seconds=10)
    await _puts(world, body={"n": 1}, expires=ends)
    await _puts(world, kind=_HELD, due=world.now, expires=ends)
    world.later(10)
    expect("found", await _finds(world), None)
    expect("used", await world.apply(UseSlip(_LINK, "k", world.now)), None)
    expect("changed", await world.apply(ChangeSlip(_LINK, "k", world.now, {"n": 2})), None)
    expect("taken", await world.apply(_take(world)), ())
    expect("put anew", (await _puts(world, body={"n": 3})).body, {"n": 3})
    expect("pruned", await world.apply(PruneSlips(world.now)), 1)
    await world.reopen()
    found = await _finds(world)
    expect("left", None if found is None else found.body, {"n": 3})


@store_behaviour("P20")
async def what_was_put_first_stays(world: StoreWorld) -> None:
    """Of many that put one kind and key one is kept, and all are told that one, also later: so a call is made once."""
    handles = [await world.store(), *[await world.another() for _ in range(2)]]
    puts = [PutSlip(Slip(SlipKind.REPEAT, "k", world.now, body={"n": n}), world.now) for n in range(10)]
    told = await asyncio.gather(*(handles[n % 3].apply(put) for n, put in enumerate(puts[:-1])))
    told.append(await handles[0].apply(puts[-1]))
    expect("what is told", len({each.body["n"] for each in told}), 1)
    again = await handles[0].apply(PutSlip(replace(told[0], body={"n": "later"}), world.now))
    expect("what is told to who comes later", again, told[0])
    await world.reopen()
    expect("what is kept", await _finds(world, kind=SlipKind.REPEAT), told[0])


@store_behaviour("P43")
async def what_is_due_is_taken_by_one(world: StoreWorld) -> None:
    """Of several that look for what is due each slip is taken by one, as it was before; what is not due, by nobody."""
    for number in range(12):
        await _puts(world, f"due {number}", _HELD, due=world.now)
    await _puts(world, "later", _HELD, due=world.now + timedelta(seconds=1))
    await _puts(world, "another kind", due=world.now)
    handles = [await world.store(), *[await world.another() for _ in range(2)]]
    taken = await asyncio.gather(*(handle.apply(_take(world, 3)) for handle in handles for _ in range(3)))
    found = [slip for batch in taken for slip in batch]
    expect("what was taken", sorted(each.key for each in found), sorted(f"due {number}" for number in range(12)))
    expect("its time", {each.due for each in found}, {world.now})


@store_behaviour("P40")
async def who_is_to_be_told_is_kept_with_the_pause(world: StoreWorld) -> None:
    """That people are to be told is one transaction with what is asked, and that they are with their messages."""
    claimed, due = await world.opens(), world.now + timedelta(seconds=_PATIENCE)
    request = world.request(claimed)
    await world.pauses(claimed, request, untold=due)
    await world.reopen()
    kept = await _finds(world, request.id, SlipKind.UNTOLD)
    expect("kept, and when it is due", None if kept is None else (kept.subject, kept.due), (request.id, due))
    message = Slip(SlipKind.MESSAGE, "m", world.now, subject=request.id, due=world.now)
    bad = replace(message, key="bad", body={"n": float("nan")})
    try:
        await world.apply(KeepMessages((message, bad), (request.id,), world.now))
    except RecordError:
        expect("a message that came before one that cannot be kept", await _finds(world, "m", SlipKind.MESSAGE), None)
    else:
        raise AssertionError("what cannot be written as JSON was kept")
    expect("who is to be told", await _finds(world, request.id, SlipKind.UNTOLD), kept)
    await world.apply(KeepMessages((message,), (request.id,), world.now))
    await world.reopen()
    expect("the message", await _finds(world, "m", SlipKind.MESSAGE), message)
    expect("who is still to be told", await _finds(world, request.id, SlipKind.UNTOLD), None)


@store_behaviour("P40")
async def what_its_taker_left_comes_up_again(world: StoreWorld) -> None:
    """What somebody took and did not drop, as they were killed, is taken again after its time, and not before."""
    given = await _puts(world, "k", _HELD, person="ann", subject="r", body={"n": 1}, due=world.now)
    expect("taken", await world.apply(_take(world)), (given,))
    await world.reopen()
    world.later(_PATIENCE - 1)
    expect("too early", await world.apply(_take(world)), ())
    world.later(1)
    (again,) = await world.apply(_take(world))
    expect("as it was", replace(again, due=given.due), given)
    expect("dropped", await world.apply(DropSlips(_HELD, world.now, key="k")), 1)
    world.later(_PATIENCE)
    expect("what was done", await world.apply(_take(world)), ())


@store_behaviour("P20")
async def what_was_taken_is_not_taken_back(world: StoreWorld) -> None:
    """Whoever takes an answer back as it was due gets it, or whoever gives it does: never both, in either order."""
    due = world.now + timedelta(seconds=5)
    for key in ("taken back", "given"):
        await _puts(world, key, _HELD, due=due)
    back = UseSlip(_HELD, "taken back", world.now, due=due)
    expect("taken back", (await world.apply(back)) is not None, True)
    world.later(5)
    expect("given", [each.key for each in await world.apply(_take(world))], ["given"])
    expect("too late", await world.apply(replace(back, key="given", now=world.now)), None)


@store_behaviour("P40")
async def slips_are_listed_whole_and_dropped_as_named(world: StoreWorld) -> None:
    """Whoever opens the store lists those of a person newest first, page by page; what is dropped is what was named."""
    for number in range(5):
        await _puts(world, str(number), SlipKind.SESSION, person="ann" if number else "bob")
        world.later(1)
    await world.reopen()
    store = await world.store()
    page = await store.fetch(ListSlips(SlipKind.SESSION, world.now, person="ann", limit=3))
    rest = await store.fetch(ListSlips(SlipKind.SESSION, world.now, person="ann", limit=3, cursor=page.cursor))
    expect("listed", [each.key for each in (*page.items, *rest.items)], ["4", "3", "2", "1"])
    expect("dropped nothing", await world.apply(DropSlips(SlipKind.SESSION, world.now)), 0)
    expect("dropped", await world.apply(DropSlips(SlipKind.SESSION, world.now, person="ann")), 4)
    left = await store.fetch(ListSlips(SlipKind.SESSION, world.now))
    expect("left", [each.key for each in left.items], ["0"])

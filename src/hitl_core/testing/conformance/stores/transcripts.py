"""What a store does with what was said: each message once, in its thread's order, and gone with its run."""

from __future__ import annotations

from typing import Any

from ....commands import CancelRun, Claimed, ErasePerson, EraseRun, KeepSaid, ListRuns, ListSaid
from ....protocol import Role, Said, SaidCall, state_id
from ..expect import expect, expect_that
from .suite import store_behaviour
from .world import StoreWorld


def _said(world: StoreWorld, claimed: Claimed, id: str, text: str = "", **more: Any) -> Said:
    given = {"role": Role.ASSISTANT, "at": world.now, **more}
    return Said(id=id, run_id=claimed.run.id, text=text, **given)


async def _keeps(world: StoreWorld, claimed: Claimed, *said: Said) -> int:
    return await world.apply(KeepSaid(claimed.run.id, said))


async def _texts(world: StoreWorld, thread: str = "thread-1", tenant: str | None = "default") -> list[str]:
    return [each.text for each in (await (await world.store()).fetch(ListSaid(thread, tenant))).items]


@store_behaviour("P75")
async def a_thread_has_each_message_once_and_in_order(world: StoreWorld) -> None:
    """Of two runs of a thread: said again it stays one, longer it grows in its place, and another handle reads it."""
    first, second = await world.opens(), await world.opens()
    await _keeps(world, first, _said(world, first, "m1", "Good"), _said(world, first, "m2", "Two"))
    await _keeps(world, second, _said(world, second, "m3", "Three"))
    calls = (SaidCall(id="c1", tool="pay", arguments={"order": "A"}),)
    await _keeps(world, first, _said(world, first, "m1", "Good morning", calls=calls), _said(world, first, "m2", "T"))
    again = await _keeps(world, first, _said(world, first, "m1", "Good", calls=calls))
    expect("what said again has changed", again, 0)
    await world.reopen()
    found = await (await world.store()).fetch(ListSaid("thread-1", "default", limit=2))
    grown = found.items[0]
    expect("the first message", (grown.id, grown.text, grown.calls), ("m1", "Good morning", calls))
    rest = await (await world.store()).fetch(ListSaid("thread-1", "default", limit=2, cursor=found.cursor))
    texts = [each.text for page in (found, rest) for each in page.items]
    expect("the thread", texts, ["Good morning", "Two", "Three"])
    for query, ids in (
        (ListSaid("thread-1", "default", run_id=first.run.id), ["m1", "m2"]),
        (ListSaid("thread-1", "default", id="m2"), ["m2"]),
        (ListSaid("thread-1", run_id=second.run.id, id="m2"), []),
    ):
        found = await (await world.store()).fetch(query)
        expect(f"of the run {query.run_id} and the message {query.id}", [each.id for each in found.items], ids)


@store_behaviour("P75")
async def the_state_of_an_app_is_in_no_list(world: StoreWorld) -> None:
    """It is found by its id, the latest of it, though the one before was longer; and goes with its run."""
    run = await world.opens()
    id = state_id(run.run.id)
    await _keeps(
        world, run, _said(world, run, "m1", "Hello"), _said(world, run, id, '{"paid": false}', role=Role.STATE)
    )
    await _keeps(world, run, _said(world, run, id, '{"paid": 1}', role=Role.STATE))
    again = await _keeps(world, run, _said(world, run, id, '{"paid": 1}', role=Role.STATE))
    expect("what said again has changed", again, 0)
    await world.reopen()
    expect("the thread", await _texts(world), ["Hello"])
    found = await (await world.store()).fetch(ListSaid("thread-1", "default", id=id))
    expect("the state", [each.text for each in found.items], ['{"paid": 1}'])
    await world.apply(CancelRun(run.run.id, "dora", "over", world.now, "assertion"))
    await world.apply(EraseRun(run.run.id, "dora", "asked for", world.now))
    gone = await (await world.store()).fetch(ListSaid("thread-1", "default", id=id))
    expect("once its run is erased", gone.items, ())


@store_behaviour("P75")
async def a_thread_of_one_tenant_is_no_other_tenants(world: StoreWorld) -> None:
    """The same thread and the same id of two tenants are two messages, and each reads its own; so do their runs."""
    ours, theirs = await world.opens(), await world.opens(tenant="acme")
    await _keeps(world, ours, _said(world, ours, "m1", "ours"))
    await _keeps(world, theirs, _said(world, theirs, "m1", "theirs"))
    expect("of us", await _texts(world), ["ours"])
    expect("of them", await _texts(world, tenant="acme"), ["theirs"])
    expect("of nobody", await _texts(world, tenant="none"), [])
    page = await (await world.store()).fetch(ListRuns(thread="thread-1", tenant="acme"))
    expect("their runs of the thread", [each.id for each in page.items], [theirs.run.id])


@store_behaviour("P75")
async def the_runs_of_a_thread_are_found_by_it(world: StoreWorld) -> None:
    """Also one whose thread is its own; newest first, and no run of another thread. So are those of one person."""
    runs = [(await world.opens(id=id, thread=thread)).run.id for id, thread in (("a", "t"), ("t2", "t2"), ("b", "t"))]
    await world.opens(id="c", thread="t3", started_by="ann")
    store = await world.store()
    expect("a thread", [each.id for each in (await store.fetch(ListRuns(thread="t"))).items], [runs[2], runs[0]])
    expect("its own", [each.id for each in (await store.fetch(ListRuns(thread="t2"))).items], ["t2"])
    expect("none", (await store.fetch(ListRuns(thread="a"))).items, ())
    expect("ann's", [each.id for each in (await store.fetch(ListRuns(started_by="ann"))).items], ["c"])
    expect("ann's there", (await store.fetch(ListRuns(started_by="ann", thread="t"))).items, ())
    expect("ben's", (await store.fetch(ListRuns(started_by="ben", thread="t3"))).items, ())


@store_behaviour("P75")
async def what_was_said_is_erased_with_its_run(world: StoreWorld) -> None:
    """And nothing of it is kept that comes later; what others said in the thread stays, under a person's pseudonym."""
    first, second = await world.opens(started_by="ann"), await world.opens(started_by="ann")
    await _keeps(world, first, _said(world, first, "m1", "WORDS"))
    own = _said(world, second, "m2", "ann's own WORDS", role=Role.USER, by="ann")
    await _keeps(world, second, own, _said(world, second, "m3", "Hello ann"))
    for claimed in (first, second):
        await world.apply(CancelRun(claimed.run.id, "dora", "over", world.now, "assertion"))
    await world.apply(EraseRun(first.run.id, "dora", "asked for", world.now))
    expect("kept of the erased run", await _keeps(world, first, _said(world, first, "m1", "WORDS")), 0)
    expect("the thread", await _texts(world), ["ann's own WORDS", "Hello ann"])
    erased = await world.apply(ErasePerson("ann", "dora", "asked for", world.now))
    texts = await _texts(world)
    expect_that("no words of theirs", "WORDS" not in "".join(texts))
    expect("how they are called", texts[1], f"Hello {erased.name}")

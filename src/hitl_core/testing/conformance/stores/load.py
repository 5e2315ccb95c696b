"""What a store says of its load, to those who look after it."""

from __future__ import annotations

from ....commands import Load, Pace, ReadLoad, ReadPace, SetStop, Stop, StopScope
from ....protocol import Approvers, Kind, Level
from ..expect import expect
from .suite import store_behaviour
from .world import StoreWorld

_LEADS = Approvers(roles=("lead",))


@store_behaviour("P70")
async def what_waits_is_counted_by_level_and_by_who_is_asked(world: StoreWorld) -> None:
    """Open requests are counted by level and approvers with the oldest of each; what is answered, and notices, not."""
    began = world.now
    _, (first,) = await world.paused()
    world.later(60)
    await world.paused(2, level=Level.COLLABORATE, approvers=_LEADS)
    claimed = await world.opens()
    await world.pauses(claimed, world.request(claimed, kind=Kind.NOTICE, level=Level.NOTIFY))
    load = await _load(world)
    said = [(each.name, each.count, each.oldest) for each in (*load.levels, *load.approvers)]
    expect(
        "what waits",
        said,
        [
            ("collaborate", 2, world.now),
            ("confirm", 1, began),
            ("role lead", 2, world.now),
            ("anybody", 1, began),
        ],
    )
    expect("the oldest", (load.open, load.oldest, load.counted_all), (3, began, True))
    await world.answers(first.approve(by="ann"))
    load = await _load(world)
    expect("after an answer", [(each.name, each.count) for each in load.levels], [("collaborate", 2)])


@store_behaviour("P70")
async def what_waits_for_workers_and_what_is_stopped_is_counted(world: StoreWorld) -> None:
    """Ready runs since when the first waits, runs that are worked on, and stops by what they cover."""
    expect("nothing", await _load(world), Load(0, (), (), None, 0, None, 0, {}, True))
    run, (request,) = await world.paused()
    await world.paused()
    await world.opens()
    world.later(5)
    await world.answers(request.approve(by="ann"))
    load, ready = await _load(world), world.now
    expect("ready and running", (load.ready, load.ready_since, load.running), (1, ready, 1))
    await world.apply(_stop(world, "refund"))
    await world.apply(_stop(world, "mail"))
    expect("stops", dict((await _load(world)).stops), {StopScope.TOOL: 2})
    world.later(7)
    (claimed,) = await world.claims(run)
    expect("since when it was ready", claimed.ready_at, ready)
    load = await _load(world)
    expect("nothing is ready", (load.ready, load.ready_since, load.running), (0, None, 2))


@store_behaviour("P70")
async def no_more_is_counted_than_was_asked_for(world: StoreWorld) -> None:
    """What is more than the bound is "at least": the oldest are counted."""
    await world.paused(3)
    load = await (await world.store()).fetch(ReadLoad(most=2))
    expect("at least", (load.open, load.levels[0].count, load.counted_all), (2, 2, False))


@store_behaviour("P70")
async def how_fast_it_goes_is_read_from_the_end_of_the_trail(world: StoreWorld) -> None:
    """Opened, decided, and how long each resume was waited for, in the last minute; or in the last so many lines."""
    expect("nothing", await _pace(world), Pace(60.0))
    await world.paused()
    world.later(120)
    run, (request,) = await world.paused()
    world.later(10)
    await world.answers(request.approve(by="ann"))
    world.later(3)
    await world.claims(run)
    expect("the last minute", await _pace(world), Pace(60.0, opened=1, decided=1, lags=(3.0,)))
    last = await (await world.store()).fetch(ReadPace(world.now, lines=2))
    expect("the last two lines", last, Pace(3.0, decided=1, lags=(3.0,)))
    world.later(600)
    expect("later", await _pace(world), Pace(60.0))


@store_behaviour("P43")
async def a_run_that_is_taken_over_did_not_wait(world: StoreWorld) -> None:
    """What a dead worker held was not ready, so that it says nothing of how long answers wait."""
    run = (await world.opens()).run
    world.later(600)
    (claimed,) = await world.claims(run)
    expect("taken over", (claimed.interrupted, claimed.ready_at), (True, None))
    expect("no lag", (await _pace(world)).lags, ())


async def _load(world: StoreWorld) -> Load:
    return await (await world.store()).fetch(ReadLoad())


async def _pace(world: StoreWorld) -> Pace:
    return await (await world.store()).fetch(ReadPace(world.now))


def _stop(world: StoreWorld, tool: str) -> SetStop:
    return SetStop(Stop(StopScope.TOOL, tool, "a fault", "bob", world.now))

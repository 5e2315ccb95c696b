"""What a store does for workers: whose turn it is, what is given back, and what is left to people."""

from __future__ import annotations

from ....commands import Again, Beat, BeatWorker, FinishRun, ForgetWorker, ListWorkers, Loads, ReleaseRun
from ....errors import LeaseLost
from ....protocol import RunState
from ..expect import expect, expect_that, refuses
from .suite import store_behaviour
from .world import LEASE, StoreWorld

TRIES = 2


async def ready(world: StoreWorld, count: int, **fields: str) -> list[str]:
    """Runs that a worker can go on with."""
    return [(await world.pauses(await world.opens(**fields))).id for _ in range(count)]


@store_behaviour("P43")
async def tenants_take_turns(world: StoreWorld) -> None:
    """One run of a tenant does not wait for the many of another."""
    many, (lone,) = await ready(world, 12, tenant="big"), await ready(world, 1, tenant="small")
    (first, *_) = await world.claims(owner="one", limit=1)
    expect("the first", first.run.id in (*many, lone), True)
    taken = [each.run.id for each in await world.claims(owner="one", limit=2, after=first.run.id)]
    expect_that("the lone one is among the first three", lone in (first.run.id, *taken))


@store_behaviour("P44")
async def a_worker_takes_versions_that_it_can_load(world: StoreWorld) -> None:
    """A claim for other versions of the app, or other forms of checkpoints, gets nothing."""
    (run,) = await ready(world, 1, app_version="1", checkpoint_format="f")
    expect("another version", await world.claims(versions=("2",)), [])
    expect("another form", await world.claims(formats=("g",)), [])
    expect("the right ones", [each.run.id for each in await world.claims(versions=("1",), formats=("f",))], [run])


@store_behaviour("P41")
async def what_is_given_back_is_taken_at_once(world: StoreWorld) -> None:
    """A run that is given back between two actions goes to the next worker; who gave it back writes nothing more."""
    claimed = await world.opens()
    expect("the calls under way", await world.apply(ReleaseRun(claimed.lease, world.now)), ())
    with refuses("who gave it back", LeaseLost):
        await world.begins(claimed.lease)
    (again,) = await world.claims()
    expect_that("it was interrupted", again.interrupted)


@store_behaviour("P42")
async def in_the_middle_of_an_action_nothing_is_given_back(world: StoreWorld) -> None:
    """The action may still happen, so nobody else takes the run before its lease has ended."""
    claimed = await world.opens()
    await world.begins(claimed.lease)
    expect("the calls under way", await world.apply(ReleaseRun(claimed.lease, world.now)), ("pay#1",))
    expect("who could take it", await world.claims(), [])
    world.later(LEASE)
    expect("who takes it over", len(await world.claims()), 1)


@store_behaviour("P43")
async def a_run_that_ends_its_workers_is_left_to_people(world: StoreWorld) -> None:
    """After its tries it fails with the reason, and whoever looks for work gets it no more."""
    claimed = await world.opens()
    for _ in range(TRIES - 1):
        world.later(LEASE)
        expect("who takes it over", len(await world.claims(tries=TRIES)), 1)
    world.later(LEASE)
    expect("who takes it after its tries", await world.claims(tries=TRIES), [])
    run = await world.run(claimed.run)
    expect("the run", (run.state, run.tries, bool(run.error)), (RunState.FAILED, TRIES, True))


@store_behaviour("P43")
async def a_turn_that_broke_is_tried_again_where_nothing_ran(world: StoreWorld) -> None:
    """It is ready again after a while; one that has begun an action is not."""
    idle, busy = await world.opens(), await world.opens()
    await world.begins(busy.lease)
    for claimed in (idle, busy):
        await world.apply(FinishRun(claimed.lease, RunState.FAILED, world.now, error="away", again=Again(TRIES, 5.0)))
    states = [(await world.run(each.run)).state for each in (idle, busy)]
    expect("the runs", states, [RunState.READY, RunState.FAILED])
    expect("who could take it now", await world.claims(), [])
    world.later(5)
    expect("who takes it then", [each.run.id for each in await world.claims()], [idle.run.id])


@store_behaviour("P43")
async def workers_are_seen_until_they_end(world: StoreWorld) -> None:
    """A sign of life is kept, with when it was given, until the worker says that it has ended."""
    beat = Beat("worker-1", world.now, Loads("any", "conformance:app"), places=4)
    await world.apply(BeatWorker(beat, LEASE, world.now))
    (seen,) = await (await world.another()).fetch(ListWorkers())
    expect("what is seen", (seen.beat, seen.seen_at), (beat, world.now))
    await world.apply(ForgetWorker("worker-1", world.now))
    expect("after its end", await (await world.store()).fetch(ListWorkers()), ())

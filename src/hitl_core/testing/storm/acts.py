"""What the processes of a storm do. Each takes only JSON, shares no memory, and may be killed or frozen at any moment.

works: a worker · starts: whoever starts agents · answers: people at the inbox · oversees: an operator, who stops and
lifts, cancels, revokes, and tries again what has failed
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any, Final

from ...commands import ListRequests, RetryRun, StopScope
from ...errors import HitlError, StoreUnavailable
from ...lifecycle import RequestState
from ...protocol import RunState
from ...runtime import Runtime, Worker
from ..conformance.elsewhere import warm_up
from ..processes import named
from .ground import LOOKS, Ground, told_to_end
from .people import Person

AT_WORK: Final = (RunState.RUNNING, RunState.READY, RunState.PAUSED, RunState.STOPPED, RunState.FAILED)
"""Runs that are not over."""

MOST_AT_WORK: Final = 12
"""How many runs there are at once at most."""

RUNS_AT_ONCE: Final = 2
"""How many of one play a worker works on."""

_SCOPES: Final = ((StopScope.TOOL, "pay"), (StopScope.TOOL, "book"), (StopScope.ALL, ""), (StopScope.RUN, ""))


def get_warm(kit: str) -> None:
    """Import, once, all that the processes need."""
    warm_up(named(kit)())


async def works(ground: dict[str, Any], name: str) -> None:
    """A worker of every play, until it is told to end; then it finishes what it holds."""
    at, over = Ground.of(ground), told_to_end()
    at.history.says("begins", name=name)
    async with at.open(*at.models) as hitl:
        workers = [Worker(each, concurrency=RUNS_AT_ONCE) for each in hitl.values()]
        working = [asyncio.ensure_future(each.run()) for each in workers]
        await asyncio.wait((*working, ending := asyncio.ensure_future(over.wait())), return_when="FIRST_COMPLETED")
        ending.cancel()
        for worker in workers:
            worker.stop()
        await asyncio.gather(*working)


async def starts(ground: dict[str, Any], name: str) -> None:
    """Start runs and work on each until it waits, as long as there are not too many."""
    at, over, random = Ground.of(ground), told_to_end(), _random(ground, name)
    at.history.says("begins", name=name)
    async with at.open(*at.models) as hitl:
        number = 0
        while not over.is_set() and not at.calm:
            play = random.choice([*at.models])
            try:
                if await _is_busy(hitl[play]):
                    await hitl[play].store.changed(timeout=LOOKS)
                    continue
                number += 1
                run = await hitl[play].start(f"This is run {name}.{number}.")
            except HitlError as exc:
                at.history.says("start refused", code=exc.code, why=str(exc)[:200])
                await hitl[play].clock.sleep(LOOKS)
            else:
                at.history.says("started", run=run.id, play=play, state=run.state.value)


async def answers(ground: dict[str, Any], name: str) -> None:
    """Somebody who takes up what waits, in any order, and answers it; often twice, or otherwise."""
    at, over, random = Ground.of(ground), told_to_end(), _random(ground, name)
    at.history.says("begins", name=name)
    async with at.open(next(iter(at.models))) as opened:
        (hitl,) = opened.values()
        person = Person(at, hitl, random)
        while not over.is_set():
            try:
                await person.looks_at_the_inbox()
                await hitl.store.changed(timeout=LOOKS)
            except StoreUnavailable:
                await hitl.clock.sleep(LOOKS)


async def oversees(ground: dict[str, Any], name: str) -> None:
    """An operator. What another one left stopped is lifted first."""
    at, over, random = Ground.of(ground), told_to_end(), _random(ground, name)
    at.history.says("begins", name=name)
    async with at.open(next(iter(at.models))) as opened:
        (hitl,) = opened.values()
        while not over.is_set():
            try:
                await _oversee(at, hitl, random)
                await hitl.clock.sleep(random.uniform(LOOKS, 4 * LOOKS))
            except HitlError as exc:
                at.history.says("act refused", code=exc.code, why=str(exc)[:200])
                await hitl.clock.sleep(LOOKS)


def _random(ground: dict[str, Any], name: str) -> Random:
    return Random(f"{ground['seed']} {name}")  # noqa: S311  # to be spread, not to be secret


async def _is_busy(hitl: Runtime) -> bool:
    return len((await hitl.runs(states=AT_WORK, limit=MOST_AT_WORK)).items) == MOST_AT_WORK


# ── an operator's acts ───────────────────────────────────────────────────────────────────────────────────────


async def _oversee(at: Ground, hitl: Runtime, random: Random) -> None:
    for stop in await hitl.stops():
        await _lift(at, hitl, stop.scope, stop.target)
    for run in (await hitl.runs(states=(RunState.FAILED,))).items:
        at.history.says("tries again", run=run.id, why=run.error[:300])
        await hitl.store.apply(RetryRun(run.id, by="uma", now=hitl.clock.now()))
    if at.calm:
        return
    (act,) = random.choices((_stops, _cancels, _revokes), (6, 1, 3))
    await act(at, hitl, random)


async def _stops(at: Ground, hitl: Runtime, random: Random) -> None:
    """Stop something, and lift it a moment later."""
    scope, target = random.choice(_SCOPES)
    if scope is StopScope.RUN:
        runs = (await hitl.runs(states=AT_WORK)).items
        if not runs:
            return
        target = random.choice(runs).id
    at.history.says("stops", scope=scope.value, target=target)
    await hitl.stop(scope, target, by="max", reason="a storm")
    at.history.says("stopped", scope=scope.value, target=target)
    await hitl.clock.sleep(random.uniform(0, 2 * LOOKS))
    await _lift(at, hitl, scope, target)


async def _lift(at: Ground, hitl: Runtime, scope: StopScope, target: str) -> None:
    await hitl.lift(scope, target, by="uma", reason="it is over")
    at.history.says("lifted", scope=scope.value, target=target)


async def _cancels(at: Ground, hitl: Runtime, random: Random) -> None:
    runs = (await hitl.runs(states=AT_WORK)).items
    if runs:
        run = random.choice(runs)
        at.history.says("cancels", run=run.id)
        await hitl.cancel(run.id, by="max", reason="a storm")
        at.history.says("cancelled", run=run.id)


async def _revokes(at: Ground, hitl: Runtime, random: Random) -> None:
    """Take an answer back that was not used yet."""
    page = await hitl.store.fetch(ListRequests(states=(RequestState.DECIDED,)))
    if page.items:
        request = random.choice(page.items).request
        at.history.says("revokes", request=request.id)
        await hitl.revoke(request.id, by="max", reason="a storm")
        at.history.says("revoked", request=request.id)


# ── the names by which a storm calls them ────────────────────────────────────────────────────────────────────

ACTS: Final = {"worker": works, "starter": starts, "person": answers, "operator": oversees}

"""What a store does when it is told to forget: all of it or nothing, for every handle, and the trail stays."""

from __future__ import annotations

from ....commands import CancelRun, ErasePerson, EraseRun, ReadAudit
from ....errors import PersonNotErasable, PersonNotFound
from ....protocol import AuditEntry
from ..expect import expect, expect_that, refuses
from .suite import store_behaviour
from .world import StoreWorld


async def _lines(world: StoreWorld, event: str) -> list[AuditEntry]:
    page = await (await world.store()).fetch(ReadAudit())
    return [entry for entry in page.items if entry.event == event]


async def _cancelled(world: StoreWorld, by: str) -> str:
    run, _ = await world.paused()
    await world.apply(CancelRun(run.id, by, f"WORDS of {by}", world.now, "assertion"))
    return run.id


@store_behaviour("P74")
async def a_person_becomes_one_pseudonym_for_everybody(world: StoreWorld) -> None:
    """Through another handle, and after closing: the same name at each place, no words of theirs, others as before."""
    for name in ("ann", "bob", "ann"):
        await _cancelled(world, name)
    erased = await world.apply(ErasePerson("ann", "dora", "asked for", world.now))
    for _ in range(2):
        lines = await _lines(world, "run.cancelled")
        expect("who cancelled", [each.actor for each in lines], [erased.name, "bob", erased.name])
        expect_that("no words of theirs", "WORDS of ann" not in "".join(each.to_json() for each in lines))
        expect_that("the words of others", "WORDS of bob" in lines[1].body)
        await world.reopen()
    with refuses("who is named nowhere", PersonNotFound):
        await world.apply(ErasePerson("ann", "dora", "once more", world.now))


@store_behaviour("P74")
async def a_person_is_erased_wholly_or_not_at_all(world: StoreWorld) -> None:
    """With something that is not over, also what is over stays as it is, and nothing is noted."""
    await _cancelled(world, "ann")
    _, (request,) = await world.paused()
    await world.answers(request.approve(by="ann"))
    before = await world.events()
    with refuses("an erasing", PersonNotErasable):
        await world.apply(ErasePerson("ann", "dora", "asked for", world.now))
    expect("who cancelled", [each.actor for each in await _lines(world, "run.cancelled")], ["ann"])
    expect("the lines", await world.events(), before)


@store_behaviour("P74")
async def with_a_run_the_names_of_its_lines_are_erased(world: StoreWorld) -> None:
    """Those of other runs stay; who erased it is said, and how they were known."""
    run, _ = await _cancelled(world, "ann"), await _cancelled(world, "bob")
    await world.apply(EraseRun(run, "dora", "asked for", world.now, authenticated_by="badge"))
    actors = [each.actor for each in await _lines(world, "run.cancelled")]
    expect("who cancelled", ("ann" in actors, actors[1]), (False, "bob"))
    (line,) = await _lines(world, "run.erased")
    expect_that("who erased it", line.actor == "dora" and "badge" in line.body)

"""What a store does with shared drafts: versions are kept in order, and none is made or taken from an older one."""

from __future__ import annotations

from ....commands import AddVersion, GetRequest, ListVersions
from ....errors import DraftMoved
from ....lifecycle import RequestState
from ....protocol import Arguments, DraftVersion, Level, PauseRequest, Responder
from ..expect import expect, refuses
from .suite import store_behaviour
from .world import StoreWorld


async def _drafted(world: StoreWorld) -> PauseRequest:
    claimed = await world.opens()
    request = world.request(claimed, level=Level.COLLABORATE)
    request = request.model_copy(update={"draft": request.id})
    await world.pauses(claimed, request)
    return request


async def _adds(world: StoreWorld, request: PauseRequest, amount: float, base: int) -> DraftVersion:
    arguments: Arguments = {"order": "A-1042", "amount": amount}
    return await world.apply(AddVersion(request.id, base, arguments, Responder(id="bob"), "less", world.now))


@store_behaviour("P14")
async def versions_are_kept_in_order(world: StoreWorld) -> None:
    """Each version is a row of its own, found again by another process; the request stays open."""
    request = await _drafted(world)
    await _adds(world, request, 30.5, 1)
    await _adds(world, request, 20.5, 2)
    await world.reopen()
    found = await (await world.store()).fetch(ListVersions(request.id))
    made = [(each.number, each.arguments["amount"]) for each in found]
    expect("the versions", made, [(1, 40.5), (2, 30.5), (3, 20.5)])
    settled = await (await world.store()).fetch(GetRequest(request.id))
    expect("the request", settled.state, RequestState.OPEN)
    expect("the trail", (await world.events())[-2:], ["draft.changed", "draft.changed"])


@store_behaviour("P14")
async def who_was_later_changes_and_takes_nothing(world: StoreWorld) -> None:
    """A version made from an older one is refused, and so is a decision that lets an older one run."""
    request = await _drafted(world)
    await _adds(world, request, 30.5, 1)
    with refuses("a change to version 1", DraftMoved):
        await _adds(world, request, 20.5, 1)
    with refuses("an approval of version 1", DraftMoved):
        await world.answers(request.approve(by="ann"))
    found = await (await world.store()).fetch(ListVersions(request.id))
    expect("the versions", len(found), 2)

"""What a store knows of the actions that agents wanted, for policies that are tried on them."""

from __future__ import annotations

from ....commands import ListProposed, Note, RecordRefusal
from ....policy import Came, Proposed
from ....protocol import Action, AuditEvent, Json
from ..expect import expect
from .suite import store_behaviour
from .world import PAY, StoreWorld


@store_behaviour("P70")
async def what_agents_wanted_is_listed_once_and_in_order(world: StoreWorld) -> None:
    """Asked about and begun, let through, refused: each action is listed once with its arguments, page by page."""
    lease, request = await world.approved()
    await world.begins(lease, request)
    world.later(60)
    other = (await world.opens(tenant="other")).lease
    cheap = Action(tool="pay", arguments={"amount": 1})
    await world.begins(other, call="pay#2", action=cheap)
    body: dict[str, Json] = {
        "call": "pay#3",
        "tool": "pay",
        "digest": PAY.digest,
        "rule": "no",
        "version": "1",
        "why": "no",
    }
    note = Note(AuditEvent.ACTION_REFUSED, other.run_id, "policy", body)
    await world.apply(RecordRefusal(other, "pay#3", PAY, note, world.now))
    everything = await _listed(world, limit=100)
    expect(
        "what came of it",
        [(each.came, each.call, each.action) for each in everything],
        [
            (Came.ASKED, "pay#1", PAY),
            (Came.BEGAN, "pay#1", PAY),
            (Came.LET_THROUGH, "pay#2", cheap),
            (Came.REFUSED, "pay#3", PAY),
        ],
    )
    expect("in pages of one", await _listed(world, limit=1), everything)
    late = await (await world.store()).fetch(ListProposed(since=world.now, tenant="other"))
    expect("the last minute", list(late.items), everything[2:])


async def _listed(world: StoreWorld, *, limit: int) -> list[Proposed]:
    found: list[Proposed] = []
    cursor: str | None = None
    while True:
        page = await (await world.store()).fetch(ListProposed(limit=limit, cursor=cursor))
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found

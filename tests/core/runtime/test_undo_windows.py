"""Until when: a notice promises no more than an undo grants, whatever the clock and the tool's window become."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain import gate
from hitl_core.config.undos import ConfiguredUndo
from hitl_core.protocol import UndoState
from hitl_core.runtime import Runtime
from tests.core.runtime.test_undo import FREE, desk, states, undone
from tests.core.shop import Shop, policy, rule

HOUR = timedelta(hours=1)
NOTICED = policy(
    rule("noticed", match={"tool": {"glob": "*"}}, level="notify", allow_irreversible="a test"),
    rule("undos", match={"tool": {"glob": "undo:*"}}, **FREE),
)


async def promised(hitl: Runtime) -> datetime | None:
    """What the only notice says."""
    (notice,) = [each for each in (await hitl.inbox(notices=True)).items if each.request.action.tool == "pay"]
    return notice.request.undo_until


@pytest.mark.parametrize(("minutes", "state"), [(60, "undone"), (70, "undone"), (71, "too_late")])
async def test_the_time_that_an_action_takes_is_not_taken_from_its_window(shop: Shop, minutes: int, state: str) -> None:
    @gate.guard(undo=lambda receipt: shop.ledger.write("undo pay"), undo_window=HOUR)
    async def pay(order: str) -> str:
        shop.clock.advance(minutes=10)
        return "paid"

    async def app(input: Any) -> Any:
        return await pay(order="A-1")

    shop.policy, began = NOTICED, shop.clock.now()
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert await promised(hitl) == began + HOUR
        shop.clock.advance(minutes=minutes - 10)
        assert states(await hitl.undo(run.id, by="bob")) == {"pay#1": state}


@pytest.mark.parametrize(("minutes", "state"), [(60, "undone"), (61, "too_late")])
async def test_a_window_that_was_promised_is_not_shortened_afterwards(shop: Shop, minutes: int, state: str) -> None:
    shop.policy = NOTICED
    async with shop.open(desk(shop.ledger, "pay", undo_window=HOUR)) as hitl:
        run = await hitl.start(None)
    shop.clock.advance(minutes=minutes)
    async with shop.open(desk(shop.ledger, "pay", undo_window=HOUR / 6)) as hitl:
        assert states(await hitl.undo(run.id, by="bob")) == {"pay#1": state}
    assert len(undone(shop.ledger)) == (state == "undone")


async def test_what_was_never_announced_goes_by_the_window_of_now(shop: Shop) -> None:
    shop.policy = policy(rule("all", match={"tool": {"glob": "*"}}, **FREE))
    async with shop.open(desk(shop.ledger, "pay", undo_window=HOUR)) as hitl:
        run = await hitl.start(None)
    shop.clock.advance(minutes=11)
    async with shop.open(desk(shop.ledger, "pay", undo_window=HOUR / 6)) as hitl:
        assert states(await hitl.undo(run.id, by="bob")) == {"pay#1": "too_late"}


def take_back(receipt: Any, arguments: Any) -> None:
    raise AssertionError("nobody may call this with masks")


async def test_what_cannot_be_taken_back_is_promised_no_time(shop: Shop, tmp_path: Path) -> None:
    shop.policy = NOTICED
    missing = ConfiguredUndo("tools.pay.undo", "not_there:take_back", tmp_path)
    for undo in (take_back, missing):
        app = desk(shop.ledger, "pay", undo=undo, undo_window=HOUR, secret=("order",))
        async with shop.open(app) as hitl:
            await hitl.start(None)
            assert {each.request.undo_until for each in (await hitl.inbox(notices=True)).items} == {None}
    assert shop.ledger.count("pay") == 2


async def test_of_a_secret_call_that_is_undone_by_its_receipt_a_notice_promises_it(shop: Shop) -> None:
    shop.policy = NOTICED
    app = desk(shop.ledger, "pay", undo=lambda receipt: receipt, undo_window=HOUR, secret=("order",))
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert await promised(hitl) == shop.clock.now() + HOUR
        assert {each.state for each in (await hitl.undo(run.id, by="bob")).calls} == {UndoState.UNDONE}

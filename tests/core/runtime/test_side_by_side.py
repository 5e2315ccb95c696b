"""Old and new workers side by side: each goes on with what it can load, and what nobody can load waits and is named."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_adapters.plain import PlainAdapter
from hitl_core.apps import AppSource
from hitl_core.commands import ListWaiting
from hitl_core.errors import RunBusy
from hitl_core.protocol import Run, RunState
from hitl_core.runtime import Runtime, Worker
from hitl_core.tools import Catalogue
from tests.core.shop import Shop, one_refund, only


async def answered(hitl: Runtime) -> Run:
    run = await hitl.start(None)
    await hitl.respond(only(run).approve(by="ann"))
    return run


async def test_each_version_takes_its_own_and_what_has_none_is_anybodys(shop: Shop) -> None:
    app = one_refund(shop.ledger)
    async with (
        shop.open(app) as free,
        shop.open(app, version="1") as old,
        shop.open(app, version="2") as new,
    ):
        anybodys, first, second = await answered(free), await answered(old), await answered(new)
        assert await Worker(new).run_until_idle() == 2
        assert (await old.run(anybodys.id)).state is RunState.COMPLETED
        assert (await old.run(first.id)).state is RunState.READY
        (waiting,) = await new.store.fetch(ListWaiting(shop.clock.now()))
        assert (waiting.version, waiting.count) == ("1", 1)
        with pytest.raises(RunBusy, match=r"version '1'; this process has .* version '2'"):
            await new.resume(first.id)
        assert await Worker(old).run_until_idle() == 1
        assert (await old.run(second.id)).state is RunState.COMPLETED
    assert shop.ledger.count() == 3


async def test_a_version_goes_on_with_others_if_it_says_so_and_from_its_next_pause_on_the_run_is_its_own(
    shop: Shop,
) -> None:
    async def app(input: Any) -> Any:
        return [await pays(order) for order in ("A", "B")]

    pays = refunds(shop)
    async with shop.open(app, version="1") as old, shop.open(app, version="2", resumes=("1",)) as new:
        run = await answered(old)
        assert await Worker(new).run_until_idle() == 1
        paused = await old.run(run.id)
        assert (paused.state, paused.app_version) == (RunState.PAUSED, "2")
        await old.respond(only(paused).approve(by="ann"))
        assert await Worker(old).run_until_idle() == 0
        assert await Worker(new).run_until_idle() == 1
    assert shop.ledger.count() == 2


async def test_a_worker_that_went_back_takes_what_the_newer_one_has_not_paused(shop: Shop) -> None:
    """A new version that never came to a pause leaves the run where it was: going back strands nothing."""
    app = one_refund(shop.ledger)
    async with shop.open(app, version="1") as old, shop.open(app, version="2", resumes=("*",)) as new:
        run = await answered(old)
        await new.claim(limit=1, run_id=run.id)
        shop.clock.advance(31)
        assert await Worker(old).run_until_idle() == 1
        assert (await old.run(run.id)).state is RunState.COMPLETED


def refunds(shop: Shop) -> Any:
    from tests.core.shop import refund_tool

    refund = refund_tool(shop.ledger)

    async def pays(order: str) -> Any:
        return await refund(order, 1.0)

    return pays


class Newer(PlainAdapter):
    """The adapter of a release that writes another form of checkpoints, and reads the older one too."""

    formats = ("2", "1")


class Silent(PlainAdapter):
    """One that says nothing of forms."""

    formats = ()


def made(kind: type[PlainAdapter], app: Any) -> PlainAdapter:
    return kind(AppSource("shop:app", app), catalogue=Catalogue())


async def test_a_newer_release_goes_on_with_older_pauses_and_an_older_one_leaves_newer_ones_alone(shop: Shop) -> None:
    app = one_refund(shop.ledger)
    async with shop.open(app) as old, shop.open(None, adapter=made(Newer, app)) as new:
        before, after = await answered(old), await answered(new)
        assert (before.checkpoint_format, after.checkpoint_format) == ("1", "2")
        assert await Worker(old).run_until_idle() == 1
        with pytest.raises(RunBusy, match="its checkpoint has the form '2', read here is 1"):
            await old.resume(after.id)
        again = await answered(old)
        assert await Worker(new).run_until_idle() == 2
        for run in (before, after, again):
            assert (await new.run(run.id)).state is RunState.COMPLETED


async def test_an_adapter_that_says_nothing_of_forms_takes_everything(shop: Shop) -> None:
    app = one_refund(shop.ledger)
    async with shop.open(app) as one, shop.open(None, adapter=made(Silent, app)) as other:
        run, its = await answered(one), await answered(other)
        assert its.checkpoint_format == ""
        assert await Worker(other).run_until_idle() == 2
        assert (await one.run(run.id)).state is RunState.COMPLETED

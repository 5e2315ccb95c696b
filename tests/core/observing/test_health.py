"""A store that is away makes a process not ready, and not dead; a loop that hangs makes it dead."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from hitl_core.errors import AppRefused, StoreTooNew, StoreUnavailable
from hitl_core.observing import health
from hitl_core.observing.health import Alive, Check, Health, Readiness, ready
from hitl_core.stores.sqlite import SqliteStore
from tests.core.shop import Shop, one_refund, only

SECRET = "canary-of-an-app"


@dataclass(frozen=True)
class Behind:
    steps: int


def checks(health: Health) -> dict[str, bool]:
    return {check.name: check.ok for check in health.checks}


async def test_a_process_that_can_work_is_ready(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.start(None)
        found = await ready(hitl, schema=lambda: Behind(0))
    assert found.ok
    assert found.document() == {
        "ok": True,
        "checks": {
            "store": {"ok": True, "says": "1 open, 0 ready, the first of them for 0.0 s"},
            "schema": {"ok": True, "says": "is current"},
            "app": {"ok": True, "says": "attached"},
        },
    }


async def test_an_answer_that_waits_too_long_and_tables_that_are_behind_make_it_not_ready(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        shop.clock.advance(61)
        found = await ready(hitl, schema=lambda: Behind(2))
    assert checks(found) == {"store": False, "schema": False, "app": True}
    assert not found.ok
    assert found.checks[1].says == "is 2 steps behind this release"


def _newer() -> Behind:
    raise StoreTooNew("it was written by a newer release")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (AppRefused(SECRET), "HITL-A06 AppRefused"),
        (RuntimeError(SECRET), "RuntimeError"),
        (None, "did not answer within 0.05 s"),
    ],
)
async def test_an_app_that_cannot_be_attached_is_said_by_its_kind(
    shop: Shop, error: Exception | None, says: str
) -> None:
    """Where the app does not answer, the others may not have had the time to either."""
    async with shop.open(one_refund(shop.ledger)) as hitl:

        async def attach() -> Any:
            if error is None:
                await asyncio.Event().wait()
            raise error or AssertionError

        hitl.attach = attach  # type: ignore[method-assign]
        found = await ready(hitl, patience=60 if error else 0.05, schema=_newer)
    assert checks(found) == {"store": checks(found)["store"] or error is None, "schema": False, "app": False}
    assert found.checks[1].says in ("HITL-S03 StoreTooNew", *[says] * (error is None))
    assert found.checks[2] == Check("app", False, says)
    assert SECRET not in str(found.document())


async def test_a_worker_that_can_only_undo_is_ready_for_that(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:

        async def at_home() -> bool:
            return False

        hitl.at_home = at_home  # type: ignore[method-assign]
        found = await ready(hitl)
    assert found.checks[-1] == Check("app", True, "its framework is not installed here: undos only")


async def test_a_store_that_is_away_makes_it_not_ready_and_not_dead(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        alive = Alive(hitl)
        fetch = hitl.store.fetch

        async def away(query: Any) -> Any:
            raise StoreUnavailable(f"the store at {SECRET} refused")

        hitl.store.fetch = away  # type: ignore[method-assign]
        found, lives = await ready(hitl), await asyncio.to_thread(alive)
        hitl.store.fetch = fetch  # type: ignore[method-assign]
    assert (checks(found), lives.ok) == ({"store": False, "app": True}, True)
    assert SECRET not in str(found.document())


async def test_what_is_more_than_was_counted_is_said_to_be(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.start(None)
        fetch = hitl.store.fetch

        async def bounded(query: Any) -> Any:
            return await fetch(type(query)(most=1))

        hitl.store.fetch = bounded  # type: ignore[method-assign]
        assert (await ready(hitl)).checks[0].says.startswith("1 or more open")
        hitl.store.fetch = fetch  # type: ignore[method-assign]


async def test_a_store_that_can_only_be_read_makes_it_not_ready(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        store: Any = hitl.store
        assert store.can_be_written()
        store.can_be_written = lambda: False
        found = await ready(hitl)
    assert found.checks[0] == Check("store", False, "can be read only: nothing begins, and no answer is kept")


async def test_a_store_that_does_not_say_whether_it_can_be_written_is_not_blamed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(SqliteStore, "can_be_written")
    async with shop.open(one_refund(shop.ledger)) as hitl:
        assert (await ready(hitl)).ok


async def test_many_probes_are_one_look(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        looks, fetch = list[Any](), hitl.store.fetch

        async def counted(query: Any) -> Any:
            looks.append(query)
            return await fetch(query)

        hitl.store.fetch = counted  # type: ignore[method-assign]
        probe = Readiness(hitl)
        found = await asyncio.gather(*[probe() for _ in range(50)])
        assert (len(looks), all(each.ok for each in found)) == (1, True)
        monkeypatch.setattr(health, "FRESH", -1.0)
        await Readiness(hitl)()
        await probe()
        assert len(looks) == 2, "what was found a moment ago stands"
        hitl.store.fetch = fetch  # type: ignore[method-assign]


async def test_a_store_that_owes_an_answer_is_not_asked_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails if each probe takes another thread and connection of a store that hangs."""
    monkeypatch.setattr(health, "FRESH", -1.0)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        looks, answers, fetch = list[Any](), asyncio.Event(), hitl.store.fetch

        async def hangs(query: Any) -> Any:
            looks.append(query)
            await answers.wait()
            raise StoreUnavailable("it was away")

        hitl.store.fetch = hangs  # type: ignore[method-assign]
        probe = Readiness(hitl, patience=0.02)
        for _ in range(5):
            assert (await probe()).checks[0] == Check("store", False, "did not answer within 0.02 s")
        assert len(looks) == 1
        answers.set()
        await asyncio.wait([probe._under_way["store"]])
        hitl.store.fetch = fetch  # type: ignore[method-assign]
        assert (await Readiness(hitl)()).ok


def test_a_loop_that_does_not_turn_is_dead(shop: Shop) -> None:
    hanging, found = threading.Event(), list[Health]()

    async def hang() -> None:
        async with shop.open(one_refund(shop.ledger)) as hitl:
            alive = Alive(hitl, patience=0.05)

            def probe() -> None:
                found.append(alive())
                hanging.set()

            thread = threading.Thread(target=probe)
            thread.start()
            hanging.wait()  # as an app that blocks the loop does
            thread.join()

    asyncio.run(hang())
    assert checks(found[0]) == {"loop": False, "store_thread": True}


async def test_a_store_whose_thread_has_died_is_dead(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        store: Any = hitl.store
        assert store.alive, "it has no thread until it is needed"
        await hitl.start(None)
        assert store.alive
        alive = Alive(hitl)
    found = await asyncio.to_thread(alive)
    assert checks(found) == {"loop": True, "store_thread": True}, "closed in order"

    class Dead:
        alive = False

    alive._store = Dead()  # type: ignore[assignment]  # a thread cannot be killed from outside
    assert checks(await asyncio.to_thread(alive)) == {"loop": True, "store_thread": False}

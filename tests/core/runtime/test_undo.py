"""Undo: what tools have done is taken back once, newest first, through the gate, and nothing is left out in silence."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from typing import Any, cast

import pytest

from hitl_adapters.plain import gate
from hitl_core.capabilities import NATIVE, Capability
from hitl_core.commands import BeginEffect, ListEffects, MoveRequest, StopScope
from hitl_core.config.deferred import DeferredAdapter
from hitl_core.contracts import Store
from hitl_core.errors import (
    AdapterNotInstalled,
    AppChanged,
    EffectRefused,
    GuidanceRefused,
    NothingToUndo,
    RunBusy,
    RunNotFound,
)
from hitl_core.gate import Surroundings
from hitl_core.lifecycle import RequestEvent
from hitl_core.protocol import HAPPENED, NOT_HAPPENED, RunState, Undoing, UndoState
from hitl_core.runtime import Runtime, Settings, Worker
from hitl_core.runtime.receipts import receipt_of
from hitl_core.testing.interleaving import InterleavingStore
from hitl_core.tools import RETURNED, Catalogue
from tests.core.shop import Crash, Ledger, Shop, only, policy, rule, trail

FREE = {"level": "autonomous", "allow_irreversible": "a test"}
EVERYTHING = policy(rule("all", match={"tool": {"glob": "*"}}, **FREE))
UNDOS_ASK = policy(
    rule("all", match={"tool": {"glob": "*"}}, **FREE),
    rule("undos", match={"tool": {"glob": "undo:*"}}, level="confirm"),
)


def desk(ledger: Ledger, *calls: str, fails: str = "", crashes: list[str] | None = None, **traits: Any) -> Any:
    """An app that carries out `calls`; the undo of each writes its receipt and its arguments into the ledger."""

    def made(name: str) -> Any:
        async def take_back(receipt: Any, arguments: Any) -> str:
            ledger.write(f"undo {name}", receipt=receipt, **arguments)
            if name == fails:
                raise ConnectionError("the line is dead")
            if crashes and name in crashes:
                crashes.remove(name)
                raise Crash
            return f"took back {receipt}"

        async def act(order: str) -> str:
            ledger.write(name, order=order)
            return f"{name} of {order}"

        act.__name__ = name
        how = {"undo": take_back, **traits} if name != "mail" else {}
        return gate.guard(**how)(act)

    tools = {name: made(name) for name in ("pay", "ship", "mail")}

    async def app(input: Any) -> str:
        for name in calls:
            await tools[name](order="A-1")
        return "done"

    app.tools = tuple(tools.values())  # type: ignore[attr-defined]  # a function takes any attribute
    return app


def states(undoing: Undoing) -> dict[str, str]:
    return {each.call: each.state.value for each in undoing.calls}


def undone(ledger: Ledger) -> list[str]:
    return [line["effect"] for line in ledger.lines() if line["effect"].startswith("undo ")]


async def test_the_newest_first_with_receipt_and_arguments_in_a_run_of_its_own(shop: Shop) -> None:
    shop.policy = EVERYTHING
    async with shop.open(desk(shop.ledger, "pay", "ship")) as hitl:
        run = await hitl.start(None)
        undoing = await hitl.undo(run.id, by="bob", reason="wrong customer")
        assert undone(shop.ledger) == ["undo ship", "undo pay"]
        assert shop.ledger.lines("undo pay") == [{"effect": "undo pay", "receipt": "pay of A-1", "order": "A-1"}]
        assert (undoing.whole, states(undoing)) == (True, {"ship#1": "undone", "pay#1": "undone"})
        assert (undoing.run.undoes, undoing.run.id != run.id, undoing.run.started_by) == (run.id, True, "bob")
        assert await hitl.run(run.id) == run
        assert await hitl.undone(undoing.run.id) == undoing
        started = await trail(hitl, "run.started")
        assert f'"undoes":"{run.id}"' in started[-1].body
        effects = await hitl.store.fetch(ListEffects(undoing.run.id))
        assert [each.action.tool for each in effects] == ["undo:ship", "undo:pay"]


@pytest.mark.parametrize(
    "kept", [{"id": 7}, {"form": "of a framework", RETURNED: {"id": 7}}], ids=["as it is", "beside"]
)
def test_the_receipt_is_what_the_tool_returned_in_whatever_form_it_is_kept(kept: Any) -> None:
    assert receipt_of(kept) == {"id": 7}


async def test_one_call_only(shop: Shop) -> None:
    shop.policy = EVERYTHING
    async with shop.open(desk(shop.ledger, "pay", "pay")) as hitl:
        run = await hitl.start(None)
        undoing = await hitl.undo(run.id, "pay#2", by="bob")
        assert (undone(shop.ledger), states(undoing)) == (["undo pay"], {"pay#2": "undone"})
        with pytest.raises(NothingToUndo, match="nothing at the call 'pay#3'"):
            await hitl.undo(run.id, "pay#3", by="bob")


async def test_people_are_asked_about_all_steps_before_any_runs_and_not_whoever_wants_it(shop: Shop) -> None:
    shop.policy = UNDOS_ASK
    async with shop.open(desk(shop.ledger, "pay", "ship", compensates="the fee stays")) as hitl:
        run = await hitl.start(None)
        undoing = await hitl.undo(run.id, by="bob")
        assert (undoing.run.state, undone(shop.ledger)) == (RunState.PAUSED, [])
        assert states(undoing) == {"ship#1": "waiting", "pay#1": "waiting"}
        ship, pay = undoing.run.pending
        assert (ship.title, pay.action.arguments["receipt"]) == ("Compensate ship", "pay of A-1")
        assert "the fee stays" in ship.preview.warnings[0]
        with pytest.raises(Exception, match="started"):
            await hitl.respond(ship.approve(by="bob"))
        await hitl.respond(ship.reject("keep it", by="ann"))
        assert (await hitl.resume(undoing.run.id)).state is RunState.PAUSED
        assert undone(shop.ledger) == []
        await hitl.respond(pay.approve(by="ann"))
        await hitl.resume(undoing.run.id)
        undoing = await hitl.undone(undoing.run.id)
    assert (undone(shop.ledger), states(undoing)) == (["undo pay"], {"ship#1": "refused", "pay#1": "compensated"})
    assert (undoing.whole, "keep it" in undoing.calls[0].why) == (False, True)


async def test_a_stop_of_the_run_lets_its_undo_through_and_a_stop_of_the_undo_does_not(shop: Shop) -> None:
    shop.policy = EVERYTHING
    async with shop.open(desk(shop.ledger, "pay", "ship")) as hitl:
        run = await hitl.start(None)
        await hitl.stop(StopScope.RUN, run.id, by="eve", reason="wrong")
        await hitl.stop(StopScope.TOOL, "undo:pay", by="eve", reason="not yet")
        undoing = await hitl.undo(run.id, by="bob")
        assert (undoing.run.state, undone(shop.ledger)) == (RunState.STOPPED, ["undo ship"])
        await hitl.lift(StopScope.TOOL, "undo:pay", by="mia", reason="now")
        await hitl.wait(undoing.run.id)
        assert (undone(shop.ledger), (await hitl.undone(undoing.run.id)).whole) == (["undo ship", "undo pay"], True)


async def test_what_was_undone_is_never_undone_again(shop: Shop) -> None:
    shop.policy = EVERYTHING
    async with shop.open(desk(shop.ledger, "pay")) as hitl:
        run = await hitl.start(None)
        first = await hitl.undo(run.id, by="bob")
        again = await hitl.undo(run.id, by="ann")
        assert (undone(shop.ledger), states(again)) == (["undo pay"], {"pay#1": "undone"})
        assert again.calls[0].run_id == first.run.id


async def test_two_people_whose_undos_are_both_approved_undo_once(shop: Shop) -> None:
    shop.policy = UNDOS_ASK
    app = desk(shop.ledger, "pay")
    async with shop.open(app) as hitl, shop.open(app) as other:
        run = await hitl.start(None)
        both = [await hitl.undo(run.id, by="bob"), await other.undo(run.id, by="mia")]
        for each in both:
            await hitl.respond(only(each.run).approve(by="ann"))
        await asyncio.gather(hitl.resume(both[0].run.id), other.resume(both[1].run.id))
        ended = [await hitl.undone(each.run.id) for each in both]
    assert undone(shop.ledger) == ["undo pay"]
    assert [each.run.state for each in ended] == [RunState.COMPLETED] * 2
    assert UndoState.UNDONE in {each.calls[0].state for each in ended}


async def test_an_undo_that_begins_while_another_one_holds_it_is_refused_in_the_store(shop: Shop) -> None:
    shop.policy = UNDOS_ASK
    app = desk(shop.ledger, "pay", crashes=["pay"])
    async with shop.open(app) as hitl, shop.open(app) as other:
        run = await hitl.start(None)
        both = [await hitl.undo(run.id, by="bob"), await other.undo(run.id, by="mia")]
        await hitl.respond(only(both[0].run).approve(by="ann"))
        with pytest.raises(Crash):
            await hitl.resume(both[0].run.id)
        await hitl.respond(only(both[1].run).approve(by="ann"))
        await other.resume(both[1].run.id)
        told = (await other.undone(both[1].run.id)).calls[0]
    assert (undone(shop.ledger), told.state, told.run_id) == (["undo pay"], UndoState.WAITING, both[0].run.id)


@pytest.mark.parametrize(("said", "times", "state"), [(HAPPENED.id, 1, "undone"), (NOT_HAPPENED.id, 2, "undone")])
async def test_an_undo_whose_process_died_in_it_is_in_doubt(shop: Shop, said: str, times: int, state: str) -> None:
    shop.policy = EVERYTHING
    app = desk(shop.ledger, "pay", crashes=["pay"])
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        with pytest.raises(Crash):
            await hitl.undo(run.id, by="bob")
    shop.clock.advance(60)
    async with shop.open(app) as hitl:
        (found,) = [each for each in (await hitl.runs()).items if each.undoes == run.id]
        paused = await hitl.resume(found.id)
        assert (only(paused).in_doubt, len(undone(shop.ledger))) == (True, 1)
        assert states(await hitl.undone(found.id)) == {"pay#1": "waiting"}
        await hitl.respond(only(paused).choose(said, by="ann"))
        await hitl.resume(found.id)
        assert (len(undone(shop.ledger)), states(await hitl.undone(found.id))) == (times, {"pay#1": state})


async def test_what_is_older_than_an_undo_in_doubt_waits_for_its_end(shop: Shop) -> None:
    """Whoever undoes the run once more meanwhile is told so, and takes nothing back out of order."""
    shop.policy = EVERYTHING
    app = desk(shop.ledger, "pay", "ship", crashes=["ship"])
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        with pytest.raises(Crash):
            await hitl.undo(run.id, by="bob")
        (broken,) = [each for each in (await hitl.runs()).items if each.undoes == run.id]
        again = await hitl.undo(run.id, by="mia")
        assert (undone(shop.ledger), states(again)) == (["undo ship"], {"ship#1": "waiting", "pay#1": "not_reached"})
        assert f"has begun in run {broken.id} and not ended; go on with that one first" in again.calls[1].why
    shop.clock.advance(60)
    async with shop.open(app) as hitl:
        await hitl.respond(only(await hitl.resume(broken.id)).choose(HAPPENED.id, by="ann"))
        await hitl.resume(broken.id)
        assert (undone(shop.ledger), (await hitl.undone(broken.id)).whole) == (["undo ship", "undo pay"], True)


async def test_a_step_whose_approval_is_revoked_at_the_last_moment_is_refused(shop: Shop) -> None:
    """Nobody else has begun it: then what is older goes on."""
    shop.policy = UNDOS_ASK
    app = desk(shop.ledger, "pay", "ship")
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        undoing = await hitl.undo(run.id, by="bob")
        ship, pay = undoing.run.pending
        for each in (ship, pay):
            await hitl.respond(each.approve(by="ann"))

    async def revoke(store: Store) -> None:
        await store.apply(MoveRequest(ship.id, RequestEvent.REVOKE, "mia", "keep it", shop.clock.now()))

    async with shop.open(app, wrap=lambda store: InterleavingStore(store, "BeginEffect", revoke)) as hitl:
        await hitl.resume(undoing.run.id)
        undoing = await hitl.undone(undoing.run.id)
    assert (undone(shop.ledger), states(undoing)) == (["undo pay"], {"ship#1": "refused", "pay#1": "undone"})
    assert "is revoked and does not allow this call" in undoing.calls[0].why


async def test_what_may_have_happened_is_never_passed_over(shop: Shop) -> None:
    """A call that died inside its tool stays, and is named: without it the undo is not whole."""
    shop.policy = EVERYTHING

    async def pay(order: str, dies: bool) -> str:
        shop.ledger.write("pay", order=order)
        if dies:
            raise Crash
        return "paid"

    paying = gate.guard(name="pay", undo=lambda receipt: shop.ledger.write("undo pay"))(pay)

    async def app(input: Any) -> Any:
        await paying(order="A", dies=False)
        return await paying(order="B", dies=True)

    app.tools = (paying,)  # type: ignore[attr-defined]  # a function takes any attribute
    async with shop.open(app) as hitl:
        with pytest.raises(Crash):
            await hitl.start(None)
        (run,) = (await hitl.runs()).items
        await hitl.cancel(run.id, by="ann")
        undoing = await hitl.undo(run.id, by="bob")
        assert (undoing.whole, states(undoing)) == (False, {"pay#2": "not_undoable", "pay#1": "undone"})
        assert undoing.calls[0].why == "whether pay happened is not known: it began, and no outcome was recorded"
    assert undone(shop.ledger) == ["undo pay"]


async def test_what_is_older_than_a_failed_undo_is_left_and_no_failure_is_tried_again(shop: Shop) -> None:
    shop.policy = EVERYTHING
    async with shop.open(desk(shop.ledger, "pay", "mail", "ship", fails="ship")) as hitl:
        run = await hitl.start(None)
        undoing = await hitl.undo(run.id, by="bob")
        assert undone(shop.ledger) == ["undo ship"]
        assert states(undoing) == {"ship#1": "failed", "mail#1": "not_undoable", "pay#1": "not_reached"}
        assert ("the line is dead" in undoing.calls[0].why, undoing.whole) == (True, False)
        again = await hitl.undo(run.id, by="bob")
        assert (undone(shop.ledger), states(again)["ship#1"]) == (["undo ship"], "failed")
        alone = await hitl.undo(run.id, "pay#1", by="bob")
        assert (undone(shop.ledger), alone.whole) == (["undo ship", "undo pay"], True)


async def test_a_window_that_has_passed_is_too_late_also_for_what_was_approved_in_time(shop: Shop) -> None:
    shop.policy = UNDOS_ASK
    async with shop.open(desk(shop.ledger, "pay", "ship", undo_window=timedelta(hours=1))) as hitl:
        run = await hitl.start(None)
        undoing = await hitl.undo(run.id, "pay#1", by="bob")
        await hitl.respond(only(undoing.run).approve(by="ann"))
        shop.clock.advance(3601)
        await hitl.resume(undoing.run.id)
        assert states(await hitl.undone(undoing.run.id)) == {"pay#1": "too_late"}
        late = await hitl.undo(run.id, by="bob")
        assert (late.run.state, set(states(late).values())) == (RunState.COMPLETED, {"too_late"})
    assert undone(shop.ledger) == []


async def test_on_a_word_that_it_did_not_happen_it_runs_only_within_its_window(shop: Shop) -> None:
    shop.policy = EVERYTHING
    app = desk(shop.ledger, "pay", crashes=["pay"], undo_window=timedelta(hours=1))
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        with pytest.raises(Crash):
            await hitl.undo(run.id, by="bob")
    shop.clock.advance(3601)
    async with shop.open(app) as hitl:
        (found,) = [each for each in (await hitl.runs()).items if each.undoes == run.id]
        await hitl.respond(only(await hitl.resume(found.id)).choose(NOT_HAPPENED.id, by="ann"))
        await hitl.resume(found.id)
        assert states(await hitl.undone(found.id)) == {"pay#1": "too_late"}
    assert undone(shop.ledger) == ["undo pay"]


async def test_what_only_a_person_says_has_happened_has_no_receipt(shop: Shop) -> None:
    def crashes(order: str) -> str:
        raise Crash

    shop.policy = EVERYTHING
    pay = gate.guard(name="pay", undo=lambda receipt: shop.ledger.write("undo pay"))(crashes)

    def app(input: Any) -> Any:
        return pay(order="A-1")

    app.tools = (pay,)  # type: ignore[attr-defined]  # a function takes any attribute
    async with shop.open(app) as hitl:
        with pytest.raises(Crash):
            await hitl.start(None)
    shop.clock.advance(60)
    async with shop.open(app) as hitl:
        run = await hitl.wait((await hitl.runs()).items[0].id)
        await hitl.respond(only(run).choose(HAPPENED.id, by="ann"))
        assert (await hitl.wait(run.id)).state is RunState.COMPLETED
        undoing = await hitl.undo(run.id, by="bob")
        assert (states(undoing), "no receipt" in undoing.calls[0].why) == ({"pay#1": "not_undoable"}, True)
    assert undone(shop.ledger) == []


async def test_a_cancelled_undo_undoes_nothing_and_says_so(shop: Shop) -> None:
    shop.policy = UNDOS_ASK
    async with shop.open(desk(shop.ledger, "pay")) as hitl:
        run = await hitl.start(None)
        undoing = await hitl.undo(run.id, by="bob")
        await hitl.cancel(undoing.run.id, by="ann", reason="leave it")
        told = (await hitl.undone(undoing.run.id)).calls[0]
    assert (told.state, "leave it" in told.why, undone(shop.ledger)) == (UndoState.REFUSED, True, [])


async def test_an_app_that_does_not_load_is_no_reason_to_say_that_it_cannot_be_undone(shop: Shop) -> None:
    shop.policy = EVERYTHING
    app = desk(shop.ledger, "pay")
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
    async with shop.open(app) as hitl:
        await _breaks(hitl)
        undoing = await hitl.undo(run.id, by="bob")
        assert (undoing.run.state, states(undoing)) == (RunState.FAILED, {"pay#1": "not_reached"})
        assert "no such database" in undoing.run.error
    async with shop.open(app) as hitl:
        await hitl.resume(undoing.run.id)
        assert (undone(shop.ledger), (await hitl.undone(undoing.run.id)).whole) == (["undo pay"], True)


async def _breaks(hitl: Runtime) -> None:
    async def attach() -> Any:
        raise ConnectionError("no such database")

    adapter: Any = hitl.adapter
    adapter.attach = attach


async def test_what_cannot_be_undone_is_refused(shop: Shop) -> None:
    shop.policy = policy(rule("pay", match={"tool": "pay"}, **FREE))
    async with shop.open(desk(shop.ledger, "pay", "ship")) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        with pytest.raises(RunBusy, match="ready: stop or cancel it first"):
            await hitl.undo(run.id, by="bob")
        assert (await hitl.undo(run.id, "pay#1", by="bob")).run.state is RunState.PAUSED
        with pytest.raises(RunNotFound):
            await hitl.undo("run-7", by="bob")
        with pytest.raises(NothingToUndo, match="is no undo"):
            await hitl.undone(run.id)


async def test_an_undo_has_no_agent_and_no_pause_of_a_framework(shop: Shop) -> None:
    shop.policy = UNDOS_ASK
    async with shop.open(desk(shop.ledger, "pay")) as hitl:
        undoing = await hitl.undo((await hitl.start(None)).id, by="bob")
        with pytest.raises(GuidanceRefused, match="is an undo"):
            await hitl.steer(undoing.run.id, "go on", by="ann")
        adapter: Any = hitl.adapter
        adapter.capabilities = {**adapter.capabilities, Capability.UNDO_BY_FORK: NATIVE}
        with pytest.raises(AppChanged, match="is an undo"):
            await hitl.rewind(undoing.run.id, by="ann")


# ── where the framework is not installed ─────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def elsewhere(shop: Shop, overrides: dict[str, Any]) -> AsyncIterator[Runtime]:
    """A runtime as `connect` makes it where the framework is missing; `overrides` stand in its hitl.toml."""

    def load() -> Any:
        raise AdapterNotInstalled("'plain' needs the package 'plainly'")

    around = Surroundings(
        store=await shop.store(),
        policy=lambda: shop.policy,
        clock=shop.clock,
        catalogue=Catalogue(overrides=overrides),
    )
    adapter = DeferredAdapter("plain", load)
    async with Runtime(adapter=adapter, around=around, settings=Settings(app="shop:app")) as hitl:
        yield hitl


async def test_a_worker_without_the_framework_undoes_what_is_configured_and_leaves_the_rest(shop: Shop) -> None:
    shop.policy = UNDOS_ASK
    given: list[Any] = []
    async with shop.open(desk(shop.ledger, "mail")) as hitl:
        run, left = await hitl.start(None), await hitl.start(None)
    async with elsewhere(shop, {"mail": {"undo": lambda receipt: given.append(receipt)}}) as hitl:
        undoing = await hitl.undo(run.id, by="bob")
        await hitl.respond(only(undoing.run).approve(by="ann"))
        assert await Worker(hitl).run_until_idle() == 1
        assert (given, (await hitl.undone(undoing.run.id)).whole) == (["mail of A-1"], True)
        assert (await hitl.run(left.id)).state is RunState.COMPLETED


async def test_without_the_framework_and_without_a_configured_undo_nothing_is_claimed(shop: Shop) -> None:
    shop.policy = EVERYTHING
    async with shop.open(desk(shop.ledger, "pay")) as hitl:
        run = await hitl.start(None)
    async with elsewhere(shop, {}) as hitl:
        undoing = await hitl.undo(run.id, by="bob")
        assert (undoing.run.state, states(undoing)) == (RunState.FAILED, {"pay#1": "not_reached"})
        assert "plainly" in undoing.run.error
        with pytest.raises(AdapterNotInstalled):
            await hitl.claim(limit=1)
    assert undone(shop.ledger) == []


@pytest.mark.parametrize("fails", [False, True])
async def test_an_undo_in_the_store_commits_with_its_record_or_not_at_all(shop: Shop, fails: bool) -> None:
    def unwrite(receipt: str, transaction: Any) -> None:
        transaction.execute("CREATE TABLE IF NOT EXISTS taken_back (receipt TEXT)")
        transaction.execute("INSERT INTO taken_back VALUES (?)", (receipt,))
        if fails:
            raise ValueError("not that one")

    shop.policy = EVERYTHING
    async with shop.open(desk(shop.ledger, "pay", undo=unwrite)) as hitl:
        undoing = await hitl.undo((await hitl.start(None)).id, by="bob")
    database = sqlite3.connect(shop.folder / "shop.db")
    with closing(database):
        written = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'taken_back'").fetchone()
    assert (undoing.whole, written) == (not fails, (0 if fails else 1,))


async def test_an_undo_may_be_sync_and_take_no_more_than_the_receipt(shop: Shop) -> None:
    shop.policy = EVERYTHING
    given: list[Any] = []
    async with shop.open(desk(shop.ledger, "pay", undo=given.append)) as hitl:
        undoing = await hitl.undo((await hitl.start(None)).id, by="bob")
    assert (given, undoing.whole) == (["pay of A-1"], True)


async def test_an_undo_that_takes_arguments_is_not_called_with_masks(shop: Shop) -> None:
    shop.policy = EVERYTHING
    both = [desk(shop.ledger, "pay", secret=("order",)), desk(shop.ledger, "pay", secret=("order",), undo=by_receipt)]
    found = []
    for app in both:
        async with shop.open(app) as hitl:
            undoing = await hitl.undo((await hitl.start(None)).id, by="bob")
            found += [(each.state, "secret" in each.why) for each in undoing.calls]
    assert found == [(UndoState.NOT_UNDOABLE, True), (UndoState.UNDONE, False)]
    assert undone(shop.ledger) == []


def by_receipt(receipt: Any) -> str:
    return f"took back {receipt}"


class Between:
    """A store at which something happens just before an undo begins."""

    def __init__(self, inner: Store, happens: Callable[[], Awaitable[object]]) -> None:
        self._inner, self._happens = inner, happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def apply(self, command: Any) -> Any:
        if isinstance(command, BeginEffect) and command.call.startswith("undo:"):
            await self._happens()
        return await self._inner.apply(command)


async def test_a_step_that_may_not_begin_any_more_is_refused_and_the_older_ones_go_on(shop: Shop) -> None:
    shop.policy = EVERYTHING
    left = ["once"]

    async def refuses() -> None:
        if left:
            left.clear()
            raise EffectRefused("it may not begin any more")

    async with shop.open(desk(shop.ledger, "pay", "ship"), wrap=lambda store: between(store, refuses)) as hitl:
        undoing = await hitl.undo((await hitl.start(None)).id, by="bob")
    assert (undone(shop.ledger), states(undoing)) == (["undo pay"], {"ship#1": "refused", "pay#1": "undone"})
    assert "may not begin any more" in undoing.calls[0].why


async def test_an_undo_that_another_one_overtakes_says_whose_it_is(shop: Shop) -> None:
    shop.policy = EVERYTHING
    app, told = desk(shop.ledger, "pay"), list[Undoing]()

    async def overtakes() -> None:
        async with shop.open(app) as other:
            (run,) = [each for each in (await other.runs()).items if each.undoes is None]
            told.append(await other.undo(run.id, by="mia"))

    async with shop.open(app, wrap=lambda store: between(store, overtakes)) as hitl:
        undoing = await hitl.undo((await hitl.start(None)).id, by="bob")
    assert (undone(shop.ledger), states(undoing)) == (["undo pay"], {"pay#1": "undone"})
    assert undoing.calls[0].run_id == told[0].run.id != undoing.run.id


def between(store: Store, happens: Callable[[], Awaitable[object]]) -> Store:
    return cast("Store", Between(store, happens))


async def test_an_undo_is_not_undone_and_a_run_lists_its_undos(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.policy = EVERYTHING
    async with shop.open(desk(shop.ledger, "pay", "mail")) as hitl:
        run = await hitl.start(None)
        assert await hitl.undos(run.id) == ()
        first = await hitl.undo(run.id, by="bob")
        second = await hitl.undo(run.id, "pay#1", by="mia")
        assert await hitl.undos(run.id) == (first, second)
        monkeypatch.setattr("hitl_core.contracts.PAGE", 1)
        assert await hitl.undos(run.id) == (first, second)
        assert await hitl.undos(first.run.id) == ()
        for call in (None, "undo:pay#1"):
            with pytest.raises(NothingToUndo, match=f"is the undo of run {run.id}: an undo is not undone"):
                await hitl.undo(first.run.id, call, by="ann")
        assert len((await hitl.runs()).items) == 3
    assert undone(shop.ledger) == ["undo pay"]


async def test_of_an_undo_that_is_erased_nothing_says_that_it_was_whole(shop: Shop) -> None:
    shop.policy = EVERYTHING
    async with shop.open(desk(shop.ledger, "pay")) as hitl:
        undoing = await hitl.undo((await hitl.start(None)).id, by="bob")
        await hitl.erase(undoing.run.id, by="dora", reason="asked for")
        erased = await hitl.undone(undoing.run.id)
    assert (undoing.whole, erased.calls, erased.whole) == (True, (), False)

"""Promises P40-P44: what a new process finds, and what happened to a tool whose process died in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any, cast

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.commands import ClaimRuns, PauseRun, RetryRun, StopScope
from hitl_core.contracts import Broke, Ending, Paused
from hitl_core.errors import AppChanged, LeaseLost, RunBusy, Stopped
from hitl_core.gate import Gate
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import Kind, Run, RunState
from hitl_core.runtime import Runtime
from hitl_core.testing.crashing import CrashingStore, CrashPoint
from hitl_core.tools import current_call
from tests.core.gate.test_gate import Script
from tests.core.shop import LEASE, App, Crash, Shop, crash, decide, found, one_refund, only, policy, rule, trail

FREE = policy(rule("free", level="autonomous", allow_irreversible="a test"))


async def crashed(shop: Shop, app: App, at: CrashPoint | None = None, *, resume: Run | None = None) -> str:
    """Start a run (or resume one) in a process that dies at `at`, or where the app says so; returns the run's id."""
    async with shop.open(app, wrap=lambda store: CrashingStore(store, at, crash=crash)) as hitl:
        with pytest.raises(Crash):
            await (hitl.start(None) if resume is None else hitl.resume(resume.id))
    shop.clock.advance(LEASE)
    async with shop.open(app) as hitl:
        (run,) = (await hitl.runs(limit=1)).items
    return run.id


def dying_refund(shop: Shop, *, deaths: int = 1, after: bool = True, **traits: Any) -> App:
    """An app with one refund, in which the process dies the first few times: after its effect, or before it."""
    left = [deaths]

    def die() -> None:
        if left[0]:
            left[0] -= 1
            raise Crash

    @gate.guard(**traits)
    async def refund(order: str) -> str:
        if not after:
            die()
        shop.ledger.write("refund", order=order, key=current_call().key, attempt=current_call().attempt)
        if after:
            die()
        return "paid"

    async def app(input: Any) -> Any:
        try:
            said = await refund("A-1")
        except Refused as exc:
            said = f"refused: {exc}"
        return {"said": said, "notes": list(gate.notes)}

    return app


# ── P40: killed while paused ─────────────────────────────────────────────────────────────────────────────────


async def test_p40_a_new_process_lists_the_same_requests_and_repeats_no_step(shop: Shop) -> None:
    refunding = one_refund(shop.ledger)

    async def app(input: Any) -> Any:
        order = await gate.step(lambda: found(shop.ledger, "model"), name="model")
        await gate.ask("Why?")
        return await refunding({"order": order})

    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.start(None), "answer", "empty parcel")
    async with shop.open(app) as hitl:
        assert await hitl.run(run.id) == run
        assert [each.request for each in (await hitl.inbox()).items] == list(run.pending)
        run = await decide(hitl, run, "approve")
    assert (run.state, shop.ledger.count("model"), shop.ledger.count("refund")) == (RunState.COMPLETED, 1, 1)
    assert shop.ledger.lines("refund")[0]["order"] == "A-9"


async def test_p40_a_pause_that_was_not_stored_is_asked_again(shop: Shop) -> None:
    app = one_refund(shop.ledger)
    run_id = await crashed(shop, app, CrashPoint("PauseRun", "before"))
    async with shop.open(app) as hitl:
        assert (await hitl.inbox()).items == ()
        run = await hitl.wait(run_id)
        await decide(hitl, run, "approve")
    assert shop.ledger.count() == 1


# ── P41: killed after the answer ─────────────────────────────────────────────────────────────────────────────


async def test_p41_an_answered_run_is_resumed_once_by_whoever_comes(shop: Shop) -> None:
    app = one_refund(shop.ledger)
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
    await crashed(shop, app, CrashPoint("ClaimRuns", "after"), resume=run)
    async with shop.open(app) as hitl:
        assert (await hitl.wait(run.id)).state is RunState.COMPLETED
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
    assert shop.ledger.count() == 1


# ── P42: killed inside a tool ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("after", [True, False], ids=["after its effect", "before its effect"])
async def test_p42_a_tool_whose_process_died_is_in_doubt(shop: Shop, after: bool) -> None:
    shop.policy = FREE
    app = dying_refund(shop, after=after)
    run_id = await crashed(shop, app)
    async with shop.open(app) as hitl:
        run = await hitl.wait(run_id)
        request = only(run)
        assert (request.kind, request.in_doubt) == (Kind.CHOICE, True)
        assert [option.id for option in request.options] == ["happened", "not_happened", "abort"]
        (effect,) = await hitl.effects(run_id)
        assert effect.state is ActionState.IN_DOUBT
        assert len(await trail(hitl, "effect.in_doubt")) == 1
    assert shop.ledger.count() == int(after)


async def test_p42_it_happened(shop: Shop) -> None:
    shop.policy = FREE
    app = dying_refund(shop)
    run_id = await crashed(shop, app)
    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.wait(run_id), "choose", "happened", reason="it is on the statement")
    output: Any = run.output
    assert (output["said"], shop.ledger.count()) == ("it is on the statement", 1)


async def test_p42_it_happened_says_who_verified_it(shop: Shop) -> None:
    shop.policy = FREE
    app = dying_refund(shop)
    run_id = await crashed(shop, app)
    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.wait(run_id), "choose", "happened")
    output: Any = run.output
    assert output["said"] == "refund was carried out, as ann has verified."


async def test_p42_it_did_not_happen(shop: Shop) -> None:
    shop.policy = FREE
    app = dying_refund(shop, after=False)
    run_id = await crashed(shop, app)
    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.wait(run_id), "choose", "not_happened")
    output: Any = run.output
    assert (output["said"], [line["attempt"] for line in shop.ledger.lines()]) == ("paid", [2])


@pytest.mark.parametrize("answer", [("choose", "abort"), ("reject", "leave it")], ids=str)
async def test_p42_without_a_clear_word_it_does_not_run(shop: Shop, answer: tuple[str, str]) -> None:
    shop.policy = FREE
    app = dying_refund(shop, after=False)
    run_id = await crashed(shop, app)
    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.wait(run_id), *answer)
        (effect,) = await hitl.effects(run_id)
    output: Any = run.output
    assert "It is not known whether this call had its effect, and ann stopped it" in output["said"]
    assert (effect.state, shop.ledger.count()) == (ActionState.FAILED, 0)


async def test_p42_each_death_is_a_question_of_its_own(shop: Shop) -> None:
    """The word about the first attempt says nothing about the second."""
    shop.policy = FREE
    app = dying_refund(shop, deaths=2, after=False)
    run_id = await crashed(shop, app)
    async with shop.open(app) as hitl:
        first = await hitl.wait(run_id)
        await hitl.respond(only(first).choose("not_happened", by="ann"))
    await crashed(shop, app, resume=first)
    async with shop.open(app) as hitl:
        second = await hitl.wait(run_id)
        assert (second.state, shop.ledger.count()) == (RunState.PAUSED, 0)
        assert only(second).round == only(first).round + 1
        await decide(hitl, second, "choose", "not_happened")
    assert [line["attempt"] for line in shop.ledger.lines()] == [3]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("command", ["MoveEffect", "PauseRun"])
async def test_p42_a_second_death_while_asking_loses_nothing(shop: Shop, command: str, when: Any) -> None:
    shop.policy = FREE
    app = dying_refund(shop)
    async with shop.open(app) as hitl:
        with pytest.raises(Crash):
            await hitl.start(None)
        (run,) = (await hitl.runs()).items
    shop.clock.advance(LEASE)
    await crashed(shop, app, CrashPoint(command, when), resume=run)
    async with shop.open(app) as hitl:
        run = await hitl.wait(run.id)
        assert only(run).in_doubt
        await decide(hitl, run, "choose", "happened")
        assert len(await trail(hitl, "effect.in_doubt")) == 1
    assert shop.ledger.count() == 1


@pytest.mark.parametrize("point", ["before MoveEffect", "after MoveEffect", "before BeginEffect"])
async def test_p42_a_death_after_the_word_keeps_it(shop: Shop, point: str) -> None:
    """ "It did not happen" was said once; until the tool begins again, nobody is asked a second time."""
    shop.policy = FREE
    app = dying_refund(shop, after=False)
    run_id = await crashed(shop, app)
    async with shop.open(app) as hitl:
        run = await hitl.wait(run_id)
        await hitl.respond(only(run).choose("not_happened", by="ann"))
    when, command = point.split()
    await crashed(shop, app, CrashPoint(command, when), resume=run)  # type: ignore[arg-type]
    async with shop.open(app) as hitl:
        assert (await hitl.wait(run_id)).state is RunState.COMPLETED
    assert shop.ledger.count() == 1


async def test_p65_a_word_that_was_taken_back_counts_no_more(shop: Shop) -> None:
    shop.policy = FREE
    app = dying_refund(shop, after=False)
    run_id = await crashed(shop, app)
    async with shop.open(app) as hitl:
        first = await hitl.wait(run_id)
        await hitl.respond(only(first).choose("not_happened", by="ann"))
        await hitl.revoke(only(first).id, by="ann", reason="I looked at another account")
        second = await hitl.wait(run_id)
        assert (shop.ledger.count(), only(second).in_doubt) == (0, True)
        assert only(second).round == only(first).round + 1
        await decide(hitl, second, "choose", "abort")
    assert shop.ledger.count() == 0


async def test_p42_an_approved_tool_in_doubt_keeps_its_edit_and_its_note(shop: Shop) -> None:
    app = dying_refund(shop, after=False)
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).edit({"order": "B-2"}, by="ann"))
    await crashed(shop, app, resume=run)
    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.wait(run.id), "choose", "not_happened")
    output: Any = run.output
    assert [line["order"] for line in shop.ledger.lines()] == ["B-2"]
    assert '"order": "B-2"' in output["notes"][0]


async def test_p42_an_edit_is_made_known_also_after_a_death(shop: Shop) -> None:
    """P03 in a crash: the tool has run, its outcome is stored, and the model had not been told yet."""
    app = one_refund(shop.ledger)
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).edit({"order": "A-1042", "amount": 90}, by="ann"))
    await crashed(shop, app, CrashPoint("EndEffect", "after"), resume=run)
    async with shop.open(app) as hitl:
        run = await hitl.wait(run.id)
    output: Any = run.output
    assert (output["said"], shop.ledger.count()) == ("paid 90.0", 1)
    assert '"amount": 90' in output["notes"][0]


async def test_p42_a_word_that_allows_it_meets_a_policy_that_denies_meanwhile(shop: Shop) -> None:
    shop.policy = FREE
    app = dying_refund(shop, after=False)
    run_id = await crashed(shop, app)
    async with shop.open(app) as hitl:
        run = await hitl.wait(run_id)
        await hitl.respond(only(run).choose("not_happened", by="ann"))
    await crashed(shop, app, CrashPoint("MoveEffect", "after"), resume=run)
    shop.policy = policy(rule("never", effect="deny"), version="2")
    async with shop.open(app) as hitl:
        run = await hitl.wait(run_id)
    assert (shop.ledger.count(), run.state) == (0, RunState.COMPLETED)
    assert "never says so" in str(run.output)


async def test_p42_an_idempotent_tool_is_retried_with_the_same_key(shop: Shop) -> None:
    shop.policy = FREE
    app = dying_refund(shop, idempotent=True)
    run_id = await crashed(shop, app)
    async with shop.open(app) as hitl:
        run = await hitl.wait(run_id)
    assert run.state is RunState.COMPLETED
    assert [(line["key"], line["attempt"]) for line in shop.ledger.lines()] == [
        (f"{run_id}:refund#1", 1),
        (f"{run_id}:refund#1", 2),
    ]


# ── transactional effects ────────────────────────────────────────────────────────────────────────────────────


def booking(shop: Shop) -> App:
    """An app whose tool writes a table of its own in the store's transaction."""

    @gate.guard(transactional=True)
    def book(amount: float, transaction: Any) -> str:
        transaction.execute("CREATE TABLE IF NOT EXISTS bookings (amount REAL)")
        transaction.execute("INSERT INTO bookings VALUES (?)", (amount,))
        if amount < 0:
            raise ValueError("no negative bookings")
        return "booked"

    def app(input: Any) -> Any:
        try:
            return book(input or 5.0)  # type: ignore[call-arg]  # the store adds the transaction
        except Refused as exc:
            return str(exc)

    return app


async def bookings(shop: Shop) -> int:
    with closing(sqlite3.connect(shop.folder / "shop.db")) as database:
        known = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'bookings'").fetchone()
        return database.execute("SELECT count(*) FROM bookings").fetchone()[0] if known else 0


async def test_a_transactional_effect_commits_with_its_record(shop: Shop) -> None:
    async with shop.open(booking(shop)) as hitl:
        run = await decide(hitl, await hitl.start(None), "approve")
        (effect,) = await hitl.effects(run.id)
    assert (run.output, effect.state, await bookings(shop)) == ("booked", ActionState.EXECUTED, 1)


async def test_a_transactional_tool_knows_its_call(shop: Shop) -> None:
    keys: list[str] = []

    @gate.guard(transactional=True)
    def book(transaction: Any) -> None:
        keys.append(current_call().key)

    async with shop.open(lambda input: book()) as hitl:  # type: ignore[call-arg]  # the store adds the transaction
        run = await decide(hitl, await hitl.start(None), "approve")
    assert keys == [f"{run.id}:book#1"]


async def test_a_transactional_effect_that_fails_leaves_only_its_record(shop: Shop) -> None:
    async with shop.open(booking(shop)) as hitl:
        run = await decide(hitl, await hitl.start(-1.0), "approve")
        (effect,) = await hitl.effects(run.id)
    assert run.output == "This call was tried and failed: ValueError: no negative bookings"
    assert (effect.state, await bookings(shop)) == (ActionState.FAILED, 0)


@pytest.mark.parametrize(("when", "turns"), [("before", 0), ("after", 1)])
async def test_a_transactional_effect_is_never_in_doubt(shop: Shop, when: Any, turns: int) -> None:
    app = booking(shop)
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
    await crashed(shop, app, CrashPoint("PerformEffect", when), resume=run)
    assert await bookings(shop) == turns
    async with shop.open(app) as hitl:
        run = await hitl.wait(run.id)
    assert (run.output, await bookings(shop)) == ("booked", 1)


# ── P43: two workers ─────────────────────────────────────────────────────────────────────────────────────────


async def test_p43_a_run_that_somebody_works_on_is_not_taken(shop: Shop) -> None:
    others: list[Runtime] = []

    async def app(input: Any) -> Any:
        (run,) = (await others[0].runs()).items
        with pytest.raises(RunBusy, match="worked on by another process"):
            await others[0].resume(run.id)
        return "alone"

    async with shop.open(app) as one, shop.open(app) as other:
        others.append(other)
        assert (await one.start(None)).output == "alone"


async def test_p43_a_worker_whose_lease_has_passed_cannot_begin_anything(shop: Shop) -> None:
    """It froze; another took over. When it thaws, everything it does is refused."""
    app = one_refund(shop.ledger)
    async with shop.open(app) as frozen, shop.open(app) as other:
        run = await frozen.start(None)
        await frozen.respond(only(run).approve(by="ann"))
        (claimed,) = await frozen.claim(limit=1)
        shop.clock.advance(LEASE)
        run = await other.wait(run.id)
        with pytest.raises(LeaseLost):
            await frozen.drive(claimed)
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, 1)


async def test_p43_a_worker_that_thaws_beside_the_next_one_cannot_begin_anything(shop: Shop) -> None:
    app = one_refund(shop.ledger)
    async with shop.open(app) as frozen, shop.open(app) as other:
        run = await frozen.start(None)
        await frozen.respond(only(run).approve(by="ann"))
        (old,) = await frozen.claim(limit=1)
        shop.clock.advance(LEASE)
        (new,) = await other.claim(limit=1)
        assert (new.interrupted, new.lease.fence) == (True, old.lease.fence + 1)
        with pytest.raises(LeaseLost):
            await frozen.drive(old)
        assert shop.ledger.count() == 0
        assert (await other.drive(new)).state is RunState.COMPLETED
    assert shop.ledger.count() == 1


# ── who goes on after a crash ────────────────────────────────────────────────────────────────────────────────


async def dies(gate: Gate) -> Ending:
    raise Crash


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (AppChanged("it is another app"), True),
        (ValueError("it broke"), True),
        (Broke("it broke before it asked", unasked=True), True),
        (Broke("it broke"), False),
        (Paused("\ud800"), True),
        (Paused(None), False),
    ],
    ids=["of-ours", "any", "before", "later", "cannot-be-kept", "paused"],
)
async def test_a_turn_that_did_not_ask_what_a_crash_has_left_hands_that_on(shop: Shop, ending: Any, told: bool) -> None:
    """Fails without `_still_interrupted` (turn.py)."""

    async def ends(gate: Gate) -> Ending:
        if isinstance(ending, Exception):
            raise ending
        return cast("Ending", ending)

    assert await is_told(shop, ends) is told


async def test_a_stop_in_that_turn_hands_it_on_too(shop: Shop) -> None:
    async def is_stopped(gate: Gate) -> Ending:
        async with shop.open(print) as other:
            await other.stop(StopScope.ALL, by="boss", reason="too fast")
        assert await gate.heed_stops()
        return Paused(None)

    assert await is_told(shop, is_stopped)


async def is_told(shop: Shop, turn: Any) -> bool:
    """Whether the turn after this one is told of the crash that this one is told of."""
    async with shop.open(None, adapter=Script(dies, turn)) as hitl:
        with pytest.raises(Crash):
            await hitl.start(None)
        shop.clock.advance(LEASE)
        (claimed,) = await hitl.claim(limit=1)
        assert claimed.interrupted
        run = await hitl.drive(claimed)
        if run.state is RunState.FAILED:
            await hitl.store.apply(RetryRun(run.id, "ann", shop.clock.now()))
        if run.state is RunState.STOPPED:
            await hitl.lift(StopScope.ALL, by="chief", reason="fine")
        (again,) = await hitl.claim(limit=1)
        return again.interrupted


# ── P44: the app changed under an open pause ─────────────────────────────────────────────────────────────────


async def test_p44_an_app_that_ends_without_the_paused_place_is_refused_by_name(shop: Shop) -> None:
    async def changed(input: Any) -> Any:
        return "done without a refund"

    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
    async with shop.open(changed) as hitl:
        run = await hitl.resume(run.id)
    assert (run.state, shop.ledger.count()) == (RunState.FAILED, 0)
    assert run.error.startswith("HITL-A07")
    assert "refund#1" in run.error


async def test_p44_an_app_that_pauses_elsewhere_is_refused_by_name(shop: Shop) -> None:
    @gate.guard
    async def pay(order: str) -> str:
        shop.ledger.write("pay")
        return "paid"

    async def renamed(input: Any) -> Any:
        return await pay("A-1042")

    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
    async with shop.open(renamed) as hitl:
        run = await hitl.resume(run.id)
        assert run.error.startswith("HITL-A07")
        assert (run.state, run.pending, shop.ledger.count()) == (RunState.FAILED, (), 0)
    async with shop.open(one_refund(shop.ledger)) as hitl:  # the older app again
        run = await hitl.resume(run.id)
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, 1)


async def test_p44_a_tool_that_was_redefined_is_asked_about_again(shop: Shop) -> None:
    @gate.guard
    async def refund(order: str, amount: float, express: bool = True) -> str:
        """Pay money back, to anybody."""
        shop.ledger.write("refund")
        return "paid"

    async def redefined(input: Any) -> Any:
        return await refund("A-1042", 120.5)

    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
    async with shop.open(redefined) as hitl:
        run = await hitl.resume(run.id)
        assert (run.state, only(run).round, shop.ledger.count()) == (RunState.PAUSED, 1, 0)


async def test_p44_a_checkpoint_of_another_version_is_refused_by_name(shop: Shop) -> None:
    app = one_refund(shop.ledger)
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        (claimed,) = await hitl.store.apply(ClaimRuns("newer", LEASE, shop.clock.now()))
        await hitl.store.apply(PauseRun(claimed.lease, {"version": 2}, (), shop.clock.now()))
        run = await hitl.resume(run.id)
    assert (run.state, shop.ledger.count()) == (RunState.FAILED, 0)
    assert "version 2; this release reads 1" in run.error


async def test_a_run_of_another_app_says_what_it_waits_for(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
    async with shop.open(one_refund(shop.ledger), name="other:app") as hitl:
        with pytest.raises(RunBusy, match="waits for a worker that has 'shop:app' under 'plain'"):
            await hitl.resume(run.id)
    assert shop.ledger.count() == 0


async def test_a_stop_holds_back_a_run_and_says_so(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        await hitl.stop(StopScope.RUN, run.id, by="bob", reason="audit")
        with pytest.raises(Stopped, match=r"bob stopped it \(audit\)"):
            await hitl.resume(run.id)
    assert shop.ledger.count() == 0


async def test_a_stop_of_something_else_is_not_what_holds_a_run_back(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl, shop.open(one_refund(shop.ledger)) as other:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        await hitl.stop(StopScope.TOOL, "mail", by="bob", reason="audit")
        (claimed,) = await other.claim(limit=1)
        with pytest.raises(RunBusy, match="worked on by another process"):
            await hitl.resume(run.id)
        await other.drive(claimed)
    assert shop.ledger.count() == 1

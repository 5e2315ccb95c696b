"""P24 wherever a word lets something run: a doubt, an edit, or an approval that the policy of now asks more of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.commands import MoveRequest
from hitl_core.contracts import Store
from hitl_core.errors import EffectRefused, NotAuthorised
from hitl_core.lifecycle import ActionState, RequestEvent
from hitl_core.protocol import Kind, Level, RunState
from hitl_core.testing.interleaving import InterleavingStore
from tests.core.runtime.test_restart import FREE, crashed, dying_refund
from tests.core.shop import LEASE, App, Crash, Shop, decide, one_refund, only, policy, rule

BOSS = rule("boss", level="confirm", approvers={"roles": ["boss"]})
BIG = rule("big", level="collaborate", approvers={"roles": ["boss"]})


async def in_doubt(shop: Shop, *, by: str = "mallory", after: bool = True) -> str:
    """A run by `by` whose tool was approved by the boss and whose process died in it; returns the run's id."""
    app = dying_refund(shop, after=after)
    async with shop.open(app) as hitl:
        run = await hitl.start(None, by=by)
        await hitl.respond(only(run).approve(by="eve", roles=("boss",)))
    return await crashed(shop, app, resume=run)


# ── a doubt ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("by", "roles"), [("mallory", ("boss",)), ("carl", ()), ("carl", ("clerk",))], ids=str)
async def test_p24_who_may_not_approve_a_call_may_not_order_it_to_run_again(
    shop: Shop, by: str, roles: tuple[str, ...]
) -> None:
    shop.policy = policy(BOSS)
    run_id = await in_doubt(shop)
    async with shop.open(dying_refund(shop, deaths=0)) as hitl:
        run = await hitl.wait(run_id)
        with pytest.raises(NotAuthorised):
            await hitl.respond(only(run).choose("not_happened", by=by, roles=roles))
        assert (await hitl.resume(run_id)).state is RunState.PAUSED
        assert shop.ledger.count() == 1
        await decide(hitl, run, "choose", "not_happened", by="eve", roles=("boss",))
    assert shop.ledger.count() == 2


@pytest.mark.parametrize("option", ["happened", "abort"])
async def test_p24_who_started_a_run_may_say_what_runs_nothing(shop: Shop, option: str) -> None:
    shop.policy = policy(BOSS)
    run_id = await in_doubt(shop)
    async with shop.open(dying_refund(shop, deaths=0)) as hitl:
        run = await decide(hitl, await hitl.wait(run_id), "choose", option, by="mallory", roles=("boss",))
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, 1)


async def test_p42_what_runs_unasked_anybody_may_settle(shop: Shop) -> None:
    shop.policy, app = FREE, dying_refund(shop, after=False)
    async with shop.open(app) as hitl:
        with pytest.raises(Crash):
            await hitl.start(None, by="ann")
        (started,) = (await hitl.runs()).items
    shop.clock.advance(LEASE)
    async with shop.open(app) as hitl:
        await decide(hitl, await hitl.wait(started.id), "choose", "not_happened", by="ann")
    assert shop.ledger.count() == 1


async def test_p24_a_doubt_asks_at_the_level_of_its_call(shop: Shop) -> None:
    shop.policy = policy(BIG)
    run_id = await in_doubt(shop)
    async with shop.open(dying_refund(shop, deaths=0)) as hitl:
        question = only(await hitl.wait(run_id))
    assert (question.in_doubt, question.level, question.approvers.roles) == (True, "collaborate", ("boss",))


# ── an edit, and an approval of before ───────────────────────────────────────────────────────────────────────

TAGGED = policy(
    rule(
        "big",
        match={"tags": ["payments"]},
        when={"argument": "amount", "above": 1000},
        level="confirm",
        approvers={"roles": ["cfo"]},
    )
)


async def test_p03_an_edit_that_needs_other_approvers_is_asked_about_again(shop: Shop) -> None:
    """Where the edit is judged, the app has not run yet and nobody knows its tool's tags; the gate does."""
    shop.policy, app = TAGGED, one_refund(shop.ledger, tags=("payments",))
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
    async with shop.open(app) as hitl:
        run = await decide(hitl, run, "edit", {"order": "A-1042", "amount": 99_999.0}, by="intern")
        again = only(run)
        assert (again.round, again.approvers.roles, shop.ledger.count()) == (1, ("cfo",), 0)
        assert again.because.why == "big says so Asked again: 'intern' may not decide this; it needs role cfo."
        with pytest.raises(NotAuthorised):
            await hitl.respond(again.approve(by="intern"))
        await decide(hitl, run, "edit", {"order": "A-1042", "amount": 99_999.0}, by="carla", roles=("cfo",))
    assert [line["amount"] for line in shop.ledger.lines()] == [99_999.0]


@pytest.mark.parametrize(
    ("now", "asked"),
    [
        (rule("boss", level="confirm", approvers={"roles": ["boss"]}), True),
        (rule("boss", level="confirm", approvers={"users": ["ann"], "roles": ["boss"]}), False),
        (rule("free", level="autonomous", allow_irreversible="now it is"), False),
        (rule("led", level="human_leads"), True),
    ],
    ids=["by somebody else", "by this person", "by nobody", "never by the agent"],
)
async def test_p81_an_approval_of_before_meets_the_approvers_of_now(shop: Shop, now: str, asked: bool) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        shop.policy = policy(now, version="2")
        run = await hitl.resume(run.id)
    assert (run.state is RunState.PAUSED, shop.ledger.count()) == (asked, int(not asked))


LAPSES = {"match": {"tool": "refund", "reversible": True}, "level": "confirm", "deadline": "1h"}
PROCEEDS = rule("lapses", **LAPSES, on_timeout="proceed", allow_timeout_approval=True)


@pytest.mark.parametrize(
    ("now", "asked"),
    [(PROCEEDS, False), (rule("lapses", **LAPSES), True), (rule("window", level="notify", veto="1h"), False)],
    ids=["it still does", "it does no more", "a veto window"],
)
async def test_p81_silence_counts_as_a_yes_only_if_it_still_does(shop: Shop, now: str, asked: bool) -> None:
    shop.policy = policy(PROCEEDS)
    async with shop.open(one_refund(shop.ledger, reversible=True)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(hours=1)
        await hitl.tick()
        shop.policy = policy(now, version="2")
        run = await hitl.resume(run.id)
    assert (run.state is RunState.PAUSED, shop.ledger.count()) == (asked, int(not asked))


# ── a call that may begin again ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "now",
    [
        rule("never", effect="deny"),
        rule("boss", level="confirm", approvers={"roles": ["boss"]}),
        rule("led", level="human_leads"),
    ],
    ids=["denied", "asks", "people lead"],
)
async def test_p81_an_idempotent_retry_meets_the_policy_of_now(shop: Shop, now: str) -> None:
    """It may have happened already, so a stricter policy makes it a doubt, which a person ends who may decide it."""
    shop.policy = FREE
    run_id = await crashed(shop, dying_refund(shop, idempotent=True))
    shop.policy = policy(now, version="2")
    async with shop.open(dying_refund(shop, deaths=0, idempotent=True)) as hitl:
        run = await hitl.wait(run_id)
        assert (only(run).in_doubt, shop.ledger.count()) == (True, 1)
        run = await decide(hitl, run, "choose", "happened", by="eve", roles=("boss",), reason="I saw it")
    output: Any = run.output
    assert (output["said"], shop.ledger.count()) == ("I saw it", 1)


async def test_p81_an_approval_that_still_stands_lets_an_idempotent_call_be_retried(shop: Shop) -> None:
    shop.policy, app = policy(BOSS), dying_refund(shop, idempotent=True)
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="eve", roles=("boss",)))
    await crashed(shop, app, resume=run)
    async with shop.open(app) as hitl:
        run = await hitl.wait(run.id)
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, 2)


@pytest.mark.parametrize(
    ("now", "asked"),
    [(rule("never", effect="deny"), False), (BIG, True)],
    ids=["denied", "stricter"],
)
async def test_p81_the_word_that_it_did_not_happen_meets_the_policy_of_now(shop: Shop, now: str, asked: bool) -> None:
    shop.policy, app = FREE, dying_refund(shop, after=False)
    run_id = await crashed(shop, app)
    async with shop.open(app) as hitl:
        run = await hitl.wait(run_id)
        await hitl.respond(only(run).choose("not_happened", by="ann"))
        shop.policy = policy(now, version="2")
        run = await hitl.resume(run_id)
        assert (run.state is RunState.PAUSED, shop.ledger.count()) == (asked, 0)
        if asked:
            assert (only(run).kind, only(run).level, only(run).round) == (Kind.APPROVAL, Level.COLLABORATE, 1)
            await decide(hitl, run, "approve", by="eve", roles=("boss",))
    assert shop.ledger.count() == int(asked)


@pytest.mark.parametrize("command", ["MoveEffect", "BeginEffect"])
async def test_p65_a_word_that_is_taken_back_at_the_last_moment_lets_nothing_run(shop: Shop, command: str) -> None:
    shop.policy, app = FREE, dying_refund(shop, after=False)
    run_id = await crashed(shop, app)
    async with shop.open(app) as hitl:
        question = only(await hitl.wait(run_id))
        await hitl.respond(question.choose("not_happened", by="ann"))

    async def revoke(store: Store) -> None:
        await store.apply(MoveRequest(question.id, RequestEvent.REVOKE, "ann", "I erred", shop.clock.now()))

    async with shop.open(app, wrap=lambda store: InterleavingStore(store, command, revoke)) as hitl:
        run = await hitl.resume(run_id)
        assert (run.state, run.error[:8], shop.ledger.count()) == (RunState.FAILED, EffectRefused.code, 0)
        run = await hitl.resume(run_id)
        assert (only(run).in_doubt, only(run).round, shop.ledger.count()) == (False, 1, 0)
        await decide(hitl, run, "approve")
    assert shop.ledger.count() == 1


def nested(shop: Shop) -> App:
    """A guarded tool that asks people itself before it has its effect; it begins again when they have answered."""

    @gate.guard
    async def refund(order: str, amount: float) -> str:
        why = await gate.ask("Why?")
        shop.ledger.write("refund", amount=amount)
        return f"paid, because {why}"

    async def app(input: Any) -> Any:
        try:
            said = await refund("A-1", 5.0)
        except Refused as exc:
            said = str(exc)
        return {"said": said, "more": await gate.ask("Anything else?", name="more"), "notes": list(gate.notes)}

    return app


@pytest.mark.parametrize(
    ("word", "said", "paid", "state"),
    [
        (("approve",), "paid, because broken", [5.0], ActionState.EXECUTED),
        (("edit", {"order": "A-1", "amount": 4.0}), "paid, because broken", [4.0], ActionState.EXECUTED),
        (("reject", "too much"), "too much", [], ActionState.REFUSED),
        (("answer", "a voucher"), "a voucher", [], ActionState.ALLOWED),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
async def test_p81_a_tool_that_paused_inside_meets_the_policy_of_now_when_it_begins_again(
    shop: Shop, word: tuple[Any, ...], said: str, paid: list[float], state: ActionState
) -> None:
    shop.policy, app = FREE, nested(shop)
    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        shop.policy = policy(BOSS, version="2")
        run = await decide(hitl, run, "answer", "broken")
        assert only(run).approvers.roles == ("boss",)
        assert only(run).because.why.endswith("Asked again: nobody was asked about it.")
        assert await hitl.resume(run.id) == run
        run = await decide(hitl, run, *word, by="eve", roles=("boss",))
        run = await decide(hitl, run, "answer", "no")
        assert [effect.state for effect in await hitl.effects(run.id)] == [state]
    output: Any = run.output
    assert (said in output["said"], output["more"]) == (True, "no")
    assert [line["amount"] for line in shop.ledger.lines()] == paid
    assert bool(output["notes"]) == (word[0] == "edit")


# ── whose clock says who was asked by then ───────────────────────────────────────────────────────────────────────


LATER_BOB = rule("late", level="confirm", approvers={"users": ["ann"]}, escalate=[{"after": "1h", "users": ["bob"]}])


async def test_p24_a_time_that_the_answer_claims_makes_nobody_one_of_those_who_are_asked(shop: Shop) -> None:
    shop.policy = policy(rule("both", level="confirm", approvers={"users": ["ann", "bob"]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="bob", at=shop.clock.now() + timedelta(hours=2)))
        shop.policy = policy(LATER_BOB, version="2")
        run = await hitl.resume(run.id)
        assert (only(run).approvers.users, shop.ledger.count()) == (("ann",), 0)
        run = await decide(hitl, run, "approve", by="ann")
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, 1)


async def test_p24_whoever_was_asked_by_then_is_heard_though_their_clock_is_slow(shop: Shop) -> None:
    shop.policy = policy(LATER_BOB)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(hours=1)
        run = await decide(hitl, run, "approve", by="bob", at=shop.clock.now() - timedelta(hours=3))
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, 1)

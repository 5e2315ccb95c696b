"""P24 wherever a word lets something run: a doubt, an edit, or an approval that the policy of now asks more of."""

from __future__ import annotations

import pytest

from hitl_core.errors import NotAuthorised
from hitl_core.protocol import RunState
from tests.core.runtime.test_restart import FREE, crashed, dying_refund
from tests.core.shop import LEASE, Crash, Shop, decide, only, policy, rule

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

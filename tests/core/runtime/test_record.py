"""Promises P70-P81: every step is in the trail, each allowed action has an outcome, each request says which rule."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.errors import ConfigError
from hitl_core.lifecycle import ActionState
from hitl_core.policy import Policy
from hitl_core.protocol import Level, RunState
from tests.core.shop import Shop, decide, one_refund, only, policy, refund_tool, rule, trail


async def test_p70_every_step_is_in_the_trail(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await decide(hitl, await hitl.start(None, by="cleo"), "approve")
        lines = await trail(hitl)
        answered = next(line for line in lines if line.event == "request.decided")
    assert run.state is RunState.COMPLETED
    assert [line.event for line in lines] == [
        "run.started",
        "request.opened",
        "run.paused",
        "request.decided",
        "run.claimed",
        "effect.started",
        "effect.executed",
        "run.completed",
    ]
    assert (answered.actor, json.loads(answered.body)["decision"]) == ("ann", "approve")
    report = await shop.verified()
    assert (report.exit_code, report.lines, report.findings) == (0, len(lines), ())


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE hitl_audit SET actor = 'eve' WHERE event = 'request.decided'",
        "UPDATE hitl_audit SET body = replace(body, 'approve', 'reject') WHERE event = 'request.decided'",
        "DELETE FROM hitl_audit WHERE seq = 4",
        "DELETE FROM hitl_audit WHERE seq >= 7",
        "UPDATE hitl_audit SET seq = CASE seq WHEN 4 THEN 105 ELSE 104 END WHERE seq IN (4, 5);"
        "UPDATE hitl_audit SET seq = seq - 100 WHERE seq > 100",
    ],
    ids=["who", "what", "deleted", "truncated", "reordered"],
)
async def test_p70_tampering_is_reported_with_its_place(shop: Shop, tampering: str) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await decide(hitl, await hitl.start(None), "approve")
    with closing(sqlite3.connect(shop.folder / "shop.db")) as database:
        database.executescript(tampering)
    report = await shop.verified()
    assert report.exit_code == 1
    assert all(finding.first >= 4 for finding in report.findings)


async def test_p71_each_allowed_action_has_an_outcome(shop: Shop) -> None:
    shop.policy = policy(rule("free", level="autonomous", allow_irreversible="a test"))

    @gate.guard(name="refund")
    async def refund(order: str) -> Any:
        return {"paid": order} if order == "A" else 1 / 0

    async def refused(call: Any) -> str:
        with pytest.raises(Refused, match="tried and failed: ZeroDivisionError") as raised:
            await call
        return str(raised.value)

    async def app(input: Any) -> Any:
        return await gate.together(refund("A"), refused(refund("B")))

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        first, second = await hitl.effects(run.id)
    assert (first.state, first.result, first.attempts) == (ActionState.EXECUTED, {"paid": "A"}, 1)
    assert (second.state, second.error) == (ActionState.FAILED, "ZeroDivisionError: division by zero")


async def test_p71_a_run_cannot_end_while_an_effect_has_no_outcome(shop: Shop) -> None:
    """The app gave up on its own tool: whether it had its effect is not known, and the run must not hide that."""
    shop.policy = policy(rule("free", level="autonomous", allow_irreversible="a test"))
    tasks: list[asyncio.Task[Any]] = []

    @gate.guard
    async def refund(order: str) -> str:
        shop.ledger.write("refund")
        tasks[-1].cancel()  # as a timeout of the app's own would
        await asyncio.sleep(0)
        return "never"

    async def app(input: Any) -> Any:
        tasks.append(asyncio.ensure_future(refund("A")))
        await asyncio.wait(tasks[-1:])
        return "gave up" if tasks[-1].cancelled() else tasks[-1].result()

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert run.state is RunState.FAILED
        assert "refund#1" in run.error
        run = await hitl.resume(run.id)
        assert (run.state, only(run).in_doubt) == (RunState.PAUSED, True)
        run = await decide(hitl, run, "choose", "happened")
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, 1)


async def test_p71_what_runs_in_the_background_is_waited_for(shop: Shop) -> None:
    """`asyncio.gather` shows the first pause at once; the refund beside it must still get its outcome."""
    shop.policy = policy(rule("free", level="autonomous", allow_irreversible="a test"))
    inside, paused = asyncio.Event(), asyncio.Event()

    @gate.guard
    async def refund(order: str) -> str:
        inside.set()
        await paused.wait()
        shop.ledger.write("refund")
        return "paid"

    async def question() -> Any:
        await inside.wait()
        paused.set()
        return await gate.ask("Why?")

    async def app(input: Any) -> Any:
        return await asyncio.gather(refund("A"), question())

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        (effect,) = await hitl.effects(run.id)
        assert (effect.state, shop.ledger.count()) == (ActionState.EXECUTED, 1)
        run = await decide(hitl, run, "answer", "empty")
    assert (run.output, shop.ledger.count()) == (["paid", "empty"], 1)


async def test_p80_what_no_rule_is_about_asks(shop: Shop) -> None:
    shop.policy = policy(rule("other", match={"tool": "mail"}, level="autonomous", allow_irreversible="a test"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
    assert (request.level, request.because.rule, shop.ledger.count()) == (Level.CONFIRM, "default", 0)


async def test_p80_a_rule_that_cannot_be_checked_asks(shop: Shop) -> None:
    shop.policy = policy(
        rule("free", when={"argument": "missing", "above": 1}, level="autonomous", allow_irreversible="a test")
    )
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
    assert (run.state, shop.ledger.count()) == (RunState.PAUSED, 0)


async def test_p80_a_policy_that_breaks_asks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Policy, action: Any, facts: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(Policy, "plan", broken)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
    assert "The policy could not be applied" in request.because.why
    assert shop.ledger.count() == 0


async def test_p81_rule_and_version_are_on_the_request_and_in_the_trail(shop: Shop) -> None:
    shop.policy = policy(rule("refunds-ask", level="confirm", why="money leaves"), version="2026-01")
    async with shop.open(one_refund(shop.ledger)) as hitl:
        because = only(await hitl.start(None)).because
        (opened,) = await trail(hitl, "request.opened")
    assert (because.rule, because.version, because.why) == ("refunds-ask", "2026-01", "money leaves")
    assert (json.loads(opened.body)["rule"], json.loads(opened.body)["version"]) == ("refunds-ask", "2026-01")


async def test_nothing_that_people_wrote_is_in_the_trail(shop: Shop) -> None:
    """The trail holds digests and names; the words themselves can be erased without breaking it."""
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        return await refund("SECRET-ORDER", 1.0)

    async with shop.open(app) as hitl:
        await decide(hitl, await hitl.start("SECRET-INPUT"), "edit", {"order": "SECRET-EDIT", "amount": 2})
        text = "".join(line.body for line in await trail(hitl))
    assert "SECRET" not in text


async def test_p70_a_trail_whose_key_is_gone_is_not_continued_with_another(shop: Shop) -> None:
    key = shop.folder / "shop.db.key"
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
    secret = key.read_text()
    key.unlink()
    with pytest.raises(ConfigError, match="is missing, and the audit trail has"):
        async with shop.open(one_refund(shop.ledger)) as hitl:
            await hitl.cancel(run.id, by="bob")
    assert not key.exists()
    key.write_text(secret)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await decide(hitl, run, "approve")
    assert ((await shop.verified()).exit_code, shop.ledger.count()) == (0, 1)

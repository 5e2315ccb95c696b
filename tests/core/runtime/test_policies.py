"""The policy asked about an action that is not proposed: with what this deployment knows, and what has begun."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_core.errors import CasesInvalid
from hitl_core.policy import Fate, Policy
from hitl_core.protocol import Level
from tests.core.shop import Shop, one_refund, policy, rule

BUDGET = policy(
    rule("free", level="autonomous", match={"tool": "refund", "reversible": True}),
    rule("much", level="confirm", when={"budget": {"argument": "amount", "within": "1d", "above": 300}}),
)
REFUND: dict[str, Any] = {"tool": "refund", "reversible": True, "arguments": {"order": "A-1042", "amount": 100}}


async def test_what_has_begun_counts(shop: Shop) -> None:
    shop.policy = BUDGET
    app = one_refund(shop.ledger, reversible=True)
    async with shop.open(app) as hitl:
        before = await hitl.explain(REFUND)
        await hitl.start({"amount": 120})
        await hitl.start({"amount": 120})
        after = await hitl.explain(REFUND)
        assert len((await hitl.runs()).items) == 2
    assert (before.ruling.level, after.ruling.level) == (Level.AUTONOMOUS, Level.CONFIRM)
    assert after.winner is not None
    assert [each.value for each in after.winner.conditions] == [340]
    told = {each.what: (each.value, each.to) for each in after.changes}
    assert told["argument 'amount'"] == (100, 60)
    assert shop.ledger.count() == 2


async def test_what_is_in_force_is_said_in_few_words_and_as_its_text(shop: Shop) -> None:
    text = 'version = "7"\n' + rule("small", level="notify") + rule("never", effect="deny")
    shop.policy = Policy.from_toml(text)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        found = await hitl.policy()
        shop.policy = Policy(shop.policy.rules)
        unwritten = await hitl.policy()
    assert (found.version, found.text) == ("7", text)
    told = [(each.id, each.level, each.denies) for each in found.rules]
    assert told == [("small", Level.NOTIFY, False), ("never", None, True)]
    assert (unwritten.rules, unwritten.text) == (found.rules, None)


async def test_the_tools_of_the_app_are_known_once_they_were_called(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger, reversible=True)) as hitl:
        assert not hitl.catalogue.knows("refund")
        await hitl.start({})
        assert hitl.catalogue.traits("refund").reversible


async def test_what_is_said_of_the_past_takes_its_place(shop: Shop) -> None:
    shop.policy = BUDGET
    async with shop.open(one_refund(shop.ledger, reversible=True)) as hitl:
        await hitl.start({"amount": 300})
        empty = await hitl.explain({**REFUND, "before": []})
        full = await hitl.explain({**REFUND, "before": [{"ago": "2h", "times": 3}]})
    assert (empty.ruling.level, full.ruling.rule) == (Level.AUTONOMOUS, "much")


async def test_another_policy_and_other_facts(shop: Shop) -> None:
    shop.policy = policy(rule("here", level="notify", match={"environment": "default", "backend": "plain"}))
    other = Policy.from_toml("[defaults]\nlevel = 'human_leads'")
    async with shop.open(one_refund(shop.ledger, reversible=True)) as hitl:
        assert (await hitl.explain(REFUND)).ruling.rule == "here"
        elsewhere = await hitl.explain({**REFUND, "environment": "production"})
        assert [each.fate for each in elsewhere.rules] == [Fate.NOT_ABOUT]
        assert (await hitl.explain({**REFUND, "reversible": False})).ruling.level is Level.CONFIRM
        assert (await hitl.explain(REFUND, policy=other)).ruling.level is Level.HUMAN_LEADS


async def test_a_word_that_nobody_knows_is_refused(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        with pytest.raises(CasesInvalid, match="did you mean 'arguments'"):
            await hitl.explain({"tool": "refund", "argument": {}})

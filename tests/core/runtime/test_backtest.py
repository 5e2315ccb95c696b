"""A changed policy tried on what was recorded: whose fate changes, as of each action's own time; nothing is written."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hitl_adapters.plain import Refused, gate
from hitl_core.commands import ListProposed, ListRequests
from hitl_core.errors import ResponseRefused
from hitl_core.lifecycle import RequestState
from hitl_core.policy import Backtested, Came, Policy
from hitl_core.protocol import Allowance, Level, RunState
from hitl_core.runtime import Runtime
from tests.core.shop import App, Ledger, Shop, decide, only, policy, rule, trail

HOUR = timedelta(hours=1)
FREE = rule("free", level="autonomous", match={"tool": "pay", "reversible": True})
LARGE = rule("large", level="confirm", match={"tool": "pay"}, when={"argument": "amount", "above": 100})


def payments(ledger: Ledger, *, secret: tuple[str, ...] = ()) -> App:
    """An app that pays what it is told: one after the other, or all at once."""

    @gate.guard(reversible=True, tags=("money",), secret=secret)
    async def pay(amount: float, to: str = "ann") -> str:
        ledger.write("pay", amount=amount, to=to)
        return "paid"

    async def tried(amount: float, to: str = "ann") -> str:
        try:
            return await pay(amount, to)
        except Refused as exc:
            return f"refused: {exc}"

    async def app(given: Any) -> Any:
        if given.get("at_once"):
            return await gate.together(*(tried(**each) for each in given["pay"]))
        return [await tried(**each) for each in given["pay"]]

    app.tools = (pay,)  # type: ignore[attr-defined]  # how an app of plain Python says which tools it makes
    return app


async def pays(hitl: Runtime, *amounts: float, **more: Any) -> Any:
    return await hitl.start({"pay": [{"amount": amount} for amount in amounts], **more}, by="zoe")


def fates(found: Backtested) -> list[tuple[str, str, str]]:
    return [(group.rule, each.before.value, each.after.value) for group in found.groups for each in group.listed]


async def test_what_would_have_come_of_it(shop: Shop) -> None:
    shop.policy = policy(FREE, LARGE)
    async with shop.open(payments(shop.ledger)) as hitl:
        await pays(hitl, 50)
        asked = await pays(hitl, 150)
        await decide(hitl, asked, "approve")
        lines = len(await trail(hitl))
        stricter = await hitl.backtest(
            policy(
                FREE, rule("large", level="confirm", match={"tool": "pay"}, when={"argument": "amount", "above": 20})
            )
        )
        laxer = await hitl.backtest(policy(FREE))
        denied = await hitl.backtest(policy(rule("no", effect="deny", match={"tool": "pay"})))
        leads = await hitl.backtest(policy(rule("leads", level="human_leads", match={"tool": "pay"})))
        noticed = await hitl.backtest(policy(rule("told", level="notify", match={"tool": "pay"})))
        vetoed = await hitl.backtest(policy(rule("veto", level="notify", veto="30s", match={"tool": "pay"})))
        assert len(await trail(hitl)) == lines
    assert shop.ledger.count() == 2
    assert fates(stricter) == [("large", "let_through", "asked")]
    assert (stricter.actions, stricter.changed, stricter.untold) == (2, 1, {})
    assert stricter.before == {Came.LET_THROUGH: 1, Came.ASKED: 1}
    assert stricter.after == {Came.ASKED: 2}
    (group,) = laxer.groups
    (changed,) = group.listed
    assert (changed.run, changed.call, changed.request) == (asked.id, "pay#1", only(asked).id)
    assert (changed.level_before, changed.level, changed.rule_before) == (Level.CONFIRM, Level.AUTONOMOUS, "large")
    assert [fate[1:] for fate in fates(denied)] == [("let_through", "refused"), ("asked", "refused")]
    assert [(each.level_before, each.level) for group in leads.groups for each in group.listed] == [
        (Level.AUTONOMOUS, Level.HUMAN_LEADS),
        (Level.CONFIRM, Level.HUMAN_LEADS),
    ]
    assert [fate[2] for fate in fates(noticed)] == ["notified", "notified"]
    assert [fate[2] for fate in fates(vetoed)] == ["announced", "announced"]


async def test_every_kind_of_record_is_read_once(shop: Shop) -> None:
    """Refused, told of, announced and vetoed, edited, asked again, granted, asked what is no approval."""
    shop.policy = policy(
        rule("no", effect="deny", match={"tool": "pay"}, when={"argument": "amount", "above": 900}),
        rule("asks", level="confirm", match={"tool": "pay"}, when={"argument": "amount", "above": 100, "at_most": 900}),
        rule("told", level="notify", match={"tool": "pay"}, when={"argument": "amount", "above": 50, "at_most": 100}),
        rule(
            "veto",
            level="notify",
            veto="30s",
            match={"tool": "pay"},
            when={"argument": "amount", "above": 40, "at_most": 50},
        ),
        FREE,
    )
    async with shop.open(payments(shop.ledger)) as hitl:
        await pays(hitl, 1000, 60, 10)
        waits = await pays(hitl, 45)
        shop.clock.advance(seconds=31)
        await hitl.tick()
        assert (await hitl.resume(waits.id)).state is RunState.COMPLETED
        edited = await pays(hitl, 500)
        await hitl.respond(only(edited).edit({"amount": 400, "to": "ann"}, by="ann"))
        await hitl.resume(edited.id)
        await decide(hitl, await pays(hitl, 300), "reject", "no")
        await hitl.grant(Allowance(tool="pay", times=1), by="ann", lasts=HOUR)
        await pays(hitl, 200)
        found = await hitl.backtest(shop.policy)
    assert found.before == {
        Came.REFUSED: 1,
        Came.NOTIFIED: 1,
        Came.LET_THROUGH: 1,
        Came.ANNOUNCED: 1,
        Came.ASKED: 2,
        Came.GRANTED: 1,
    }
    assert (found.actions, found.changed, found.untold) == (7, 0, {})
    assert found.after == {
        **{came: count for came, count in found.before.items() if came is not Came.GRANTED},
        Came.ASKED: 3,
    }


async def test_budgets_are_as_of_each_actions_own_time(shop: Shop) -> None:
    shop.policy = policy(FREE)
    async with shop.open(payments(shop.ledger)) as hitl:
        for _ in range(3):
            await pays(hitl, 100)
            shop.clock.advance(seconds=3600 * 10)
        budget = {"budget": {"argument": "amount", "within": "1d", "per": "user", "above": 250}}
        found = await hitl.backtest(policy(FREE, rule("much", level="confirm", match={"tool": "pay"}, when=budget)))
        assert fates(found) == [("much", "let_through", "asked")]
        shop.clock.advance(seconds=3600 * 10)
        await pays(hitl, 100)
        first = {"novel": {"argument": "to"}}
        novel = await hitl.backtest(policy(FREE, rule("first", level="confirm", match={"tool": "pay"}, when=first)))
        late = await hitl.backtest(
            policy(FREE, rule("much", level="confirm", match={"tool": "pay"}, when=budget)),
            since=shop.clock.now() - timedelta(hours=25),
        )
        newer = await hitl.backtest(
            policy(FREE, rule("first", level="confirm", match={"tool": "pay"}, when=first)),
            since=shop.clock.now() - timedelta(hours=25),
        )
    assert fates(novel) == [("first", "let_through", "asked")]
    assert novel.groups[0].listed[0].at == novel.first
    # What is older than `since` is counted and not judged.
    assert (late.actions, late.changed) == (2, 1)
    assert (newer.actions, newer.changed) == (2, 0)


async def test_what_was_erased_or_is_secret_is_counted_and_not_guessed(shop: Shop) -> None:
    shop.policy = policy(FREE)
    budget = {"budget": {"argument": "amount", "within": "1d", "above": 250}}
    async with shop.open(payments(shop.ledger, secret=("to",))) as hitl:
        run = await pays(hitl, 200)
        await pays(hitl, 100)
        await hitl.erase(run.id, by="ann", reason="asked to")
        plain = await hitl.backtest(policy(FREE, LARGE))
        counting = await hitl.backtest(policy(FREE, rule("much", level="confirm", match={"tool": "pay"}, when=budget)))
        elsewhere = await hitl.backtest(policy(FREE, rule("x", level="confirm", match={"tool": "other"}, when=budget)))
        looks = {"argument": "to", "equals": "ann"}
        secret = await hitl.backtest(policy(FREE, rule("to", level="confirm", match={"tool": "pay"}, when=looks)))
        inside = {"argument": "amount.x", "equals": 1}
        odd = await hitl.backtest(policy(FREE, rule("odd", level="confirm", match={"tool": "pay"}, when=inside)))
        denied = await hitl.backtest(
            policy(
                rule("no", effect="deny", match={"tool": "pay"}),
                rule("to", level="confirm", match={"tool": "pay"}, when=looks),
            )
        )
    assert (plain.untold, plain.changed) == ({"erased": 1}, 0)
    assert counting.untold == {
        "erased": 1,
        "it depends on what began before, of which something was erased or is not known": 1,
    }
    assert elsewhere.untold == {"erased": 1}
    assert secret.untold == {"erased": 1, "a rule about it looks at what is secret": 1}
    assert (odd.untold, fates(odd)) == ({"erased": 1}, [("odd", "let_through", "asked")])
    assert (denied.untold, fates(denied)) == ({"erased": 1}, [("no", "let_through", "refused")])


async def test_what_is_not_recorded_is_not_guessed(shop: Shop) -> None:
    shop.policy = policy(FREE)
    async with shop.open(payments(shop.ledger)) as hitl:
        await pays(hitl, 10)
        for when in (
            {"confidence": {"below": 0.5}},
            {"context": "tier", "equals": "gold"},
            {"rate": {"within": "1d", "per": {"context": "tier"}, "above": 5}},
            {"not": {"novel": {"argument": "to", "per": {"context": "tier"}}}},
        ):
            found = await hitl.backtest(policy(FREE, rule("r", level="confirm", match={"tool": "pay"}, when=when)))
            assert list(found.untold) == [
                "a rule about it looks at the context or the confidence, which are not recorded"
            ]


async def test_a_tool_that_is_gone_may_have_been_anything(shop: Shop) -> None:
    shop.policy = policy(FREE)
    async with shop.open(payments(shop.ledger)) as hitl:
        await pays(hitl, 10)

    async def other(given: Any) -> Any:
        return given

    rate = {"rate": {"within": "1d", "above": 5}}
    async with shop.open(other) as hitl:
        low = await hitl.backtest(policy(FREE))
        tagged = await hitl.backtest(policy(rule("r", level="confirm", match={"tool": "pay", "tags": "x"})))
        plain = await hitl.backtest(policy(rule("r", level="confirm", match={"tool": "pay"})))
        counts = await hitl.backtest(
            policy(
                rule("r", level="confirm", match={"tool": "pay"}),
                rule("t", level="confirm", match={"tool": "pay", "tags": "x"}, when=rate),
            )
        )
    unknown = {"its tool is not known, and a rule depends on what it is": 1}
    assert (low.untold, tagged.untold, counts.untold) == (unknown, unknown, unknown)
    assert fates(plain) == [("r", "let_through", "asked")]


async def test_a_pause_of_the_apps_own_asks_whatever_the_policy_says(shop: Shop) -> None:
    shop.policy = policy(rule("questions", level="autonomous", match={"tool": "ask"}, allow_irreversible="x"))

    async def asks(given: Any) -> Any:
        return await gate.ask("May they keep it?")

    async with shop.open(asks) as hitl:
        await hitl.start({})
        same = await hitl.backtest(shop.policy)
        denied = await hitl.backtest(policy(rule("no", effect="deny", match={"tool": {"glob": "*"}})))
        other = await hitl.backtest(
            policy(rule("x", level="notify", match={"tool": {"glob": "*"}}, allow_irreversible="x"))
        )
    assert (same.actions, same.changed, other.changed) == (1, 0, 0)
    assert fates(denied) == [("no", "asked", "refused")]


async def test_what_was_let_through_beside_a_refusal_may_have_counted(shop: Shop) -> None:
    """Three at once, of which the third is one too many: it is refused before the others begin."""
    often = rule("often", effect="deny", match={"tool": "pay"}, when={"rate": {"within": "3h", "above": 2}})
    shop.policy = policy(FREE, often)
    async with shop.open(payments(shop.ledger)) as hitl:
        await pays(hitl, 1, 1, 1, at_once=True)
        found = await hitl.backtest(shop.policy)
        plain = await hitl.backtest(policy(FREE))
    assert (found.before, found.changed) == ({Came.LET_THROUGH: 2, Came.REFUSED: 1}, 0)
    assert found.untold == {"it depends on what began at the same time": 1}
    assert fates(plain) == [("free", "refused", "let_through")]


class Paged:
    """A store that hands out one entry at a time."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.pages = inner, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def fetch(self, query: Any) -> Any:
        if isinstance(query, ListProposed):
            self.pages += 1
            query = replace(query, limit=1)
        return await self._inner.fetch(query)


async def test_a_long_history_is_read_page_by_page(shop: Shop) -> None:
    stores: list[Paged] = []

    def wrapped(store: Any) -> Any:
        stores.append(Paged(store))
        return stores[-1]

    async with shop.open(payments(shop.ledger), wrap=wrapped) as hitl:
        shop.policy = policy(FREE)
        await pays(hitl, 1, 2, 3)
        found = await hitl.backtest(policy(LARGE))
    assert (found.actions, stores[0].pages) == (3, 4)


async def test_only_so_many_are_listed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from hitl_core.policy.replaying import backtest

    monkeypatch.setattr(backtest, "MOST_LISTED", 2)
    shop.policy = policy(FREE)
    async with shop.open(payments(shop.ledger)) as hitl:
        await pays(hitl, 1, 2, 3)
        found = await hitl.backtest(policy(rule("no", effect="deny", match={"tool": "pay"})))
    (group,) = found.groups
    assert (group.count, len(group.listed), group.rest, found.changed) == (3, 2, 1, 3)


# ── whatever the history ────────────────────────────────────────────────────────────────────────────────────

conditions = st.sampled_from(
    [
        None,
        {"argument": "amount", "above": 5},
        {"argument": "to", "equals": "bob"},
        {"budget": {"argument": "amount", "within": "2h", "above": 12}},
        {"budget": {"argument": "amount", "within": "1h", "per": "user", "above": 6}},
        {"rate": {"within": "3h", "per": "run", "above": 2}},
        {"rate": {"within": "1h", "above": 2}},
        {"novel": {"argument": "to", "within": "3h"}},
        {"novel": {"argument": "to"}},
        {"not": {"novel": {"argument": "amount"}}},
        {"time": {"from": "11:00", "to": "13:00"}},
    ]
)
effects = st.sampled_from(
    [
        {"level": "confirm"},
        {"level": "notify"},
        {"level": "autonomous"},
        {"level": "human_leads"},
        {"effect": "deny"},
        {"level": "notify", "veto": "10m"},
    ]
)
rules = st.lists(st.tuples(conditions, effects), min_size=1, max_size=4)
payment = st.fixed_dictionaries({"amount": st.integers(1, 9), "to": st.sampled_from(["ann", "bob"])})
acts = st.one_of(
    st.tuples(st.just("start"), st.lists(payment, min_size=1, max_size=3), st.booleans()),
    st.tuples(st.just("later"), st.integers(1, 100), st.none()),
    st.tuples(st.just("answer"), st.sampled_from(["approve", "reject", "edit"]), st.none()),
)


def policy_of(drawn: list[tuple[Any, dict[str, str]]]) -> Policy:
    made = [
        rule(f"r{number}", match={"tool": "pay"}, **effect, **({} if when is None else {"when": when}))
        for number, (when, effect) in enumerate(drawn)
    ]
    return policy(FREE, *made)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rules, st.lists(acts, min_size=1, max_size=10), rules)
def test_the_same_file_changes_nobodys_fate(drawn: Any, history: Any, other: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        same, changed, actions = asyncio.run(_lived(Path(folder), policy_of(drawn), history, policy_of(other)))
    assert same.changed == 0, same.groups
    assert set(same.untold) <= {"it depends on what began at the same time"}
    assert same.actions == changed.actions == actions
    assert sum(changed.after.values()) + sum(changed.untold.values()) == changed.actions


async def _lived(folder: Path, here: Policy, history: Any, other: Policy) -> tuple[Backtested, Backtested, int]:
    shop = Shop(folder, policy=here)
    async with shop.open(payments(shop.ledger)) as hitl:
        for act, what, at_once in history:
            if act == "start":
                await hitl.start({"pay": what, "at_once": at_once}, by="zoe")
            elif act == "later":
                shop.clock.advance(seconds=what * 60)
            else:
                await _answered(hitl, what)
            shop.clock.advance(seconds=1)
        tried = await hitl.backtest(here), await hitl.backtest(other)
        runs = (await hitl.runs(limit=1000)).items
        return *tried, await _proposed(hitl, [run.id for run in runs])


async def _answered(hitl: Runtime, decision: str) -> None:
    await hitl.tick()
    for settled in (await hitl.inbox(limit=1)).items:
        request = settled.request
        said = {"approve": request.approve(by="ann"), "reject": request.reject("no", by="ann")}
        if request.level is Level.HUMAN_LEADS:
            said["approve"] = request.report("done", "paid", by="ann")
        edit = request.edit({**request.action.arguments, "amount": 1}, by="ann")
        allowed = {reply.value for reply in request.allowed}
        made = edit if decision == "edit" and "edit" in allowed else said.get(decision, said["reject"])
        try:
            await hitl.respond(made)
        except ResponseRefused:  # of the call as it is edited, a person would have to do it
            assert made is edit
            await hitl.respond(said["approve"])
        await hitl.resume(request.run_id)


async def _proposed(hitl: Runtime, runs: list[str]) -> int:
    """How many calls were decided on, by their requests and effects."""
    calls: set[tuple[str, str]] = set()
    for run in runs:
        calls |= {(run, each.call) for each in await hitl.effects(run)}
        asked = await hitl.store.fetch(ListRequests(tuple(RequestState), run_id=run, limit=1000))
        calls |= {(run, each.request.call) for each in asked.items}
    return len(calls)

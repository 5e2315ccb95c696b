"""What rules have counted is pruned, and no decision is another one for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count as numbers

from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_core.commands import BeginEffect, Counted, Lease, PruneHistory
from hitl_core.policy import LONGEST, Facts, Policy
from hitl_core.protocol import Action, EffectMode, Ruling
from hitl_core.stores.sql.commands.counting import check_past, count, past, prune_history
from hitl_core.stores.sql.tables import Transaction
from hitl_core.stores.sqlite.file.link import SqliteLink
from hitl_core.stores.sqlite.file.schema import MIGRATIONS, step
from hitl_core.testing.clock import START

POLICY = Policy.from_toml("""
[[rules]]
id = "free"
why = "Small."
match = { tool = "pay" }
level = "autonomous"
allow_irreversible = "A test."

[[rules]]
id = "day"
why = "A day has an end."
match = { tool = "pay" }
when = { budget = { argument = "amount", within = "1d", per = { argument = "to" }, above = 3 } }
level = "confirm"

[[rules]]
id = "week"
why = "A week, too."
match = { tool = "pay" }
when = { budget = { argument = "amount", within = "7d", per = { argument = "to" }, above = 6 } }
effect = "deny"

[[rules]]
id = "often"
why = "Not so often."
match = { tool = "pay" }
when = { rate = { within = "2d", above = 4 } }
level = "collaborate"

[[rules]]
id = "new-lately"
why = "Not paid for a while."
match = { tool = ["pay"], reversible = false }
when = { novel = { argument = "to", within = "3d" } }
level = "human_leads"

[[rules]]
id = "new"
why = "Never paid."
match = { tool = "pay" }
when = { novel = { argument = "to" } }
level = "confirm"
""")


@dataclass
class Book:
    """One store's rows, without the rest of the store."""

    txn: Transaction

    def rule(self, action: Action, now: datetime, effect: int) -> tuple[Ruling, tuple[Counted, ...]]:
        facts = Facts(now=now)
        tallies = POLICY.asks(action, facts=facts)
        known = {each.question: past(self.txn, each.question, now, effect) for each in tallies}
        ruling = POLICY.decide(action, facts=replace(facts, history=known))
        return ruling, tuple(Counted(each, known[each.question]) for each in tallies)

    def begin(self, action: Action, counted: tuple[Counted, ...], now: datetime, effect: int) -> None:
        begin = BeginEffect(Lease("r", "w", 1, now), f"pay#{effect}", action, EffectMode.LEDGER, now, counted=counted)
        check_past(self.txn, begin, effect)
        count(self.txn, begin, effect)

    def prune(self, now: datetime, kept: timedelta, limit: int) -> None:
        """As far as the windows of the rules reach, and no further."""
        for series, within in POLICY.windows().items():
            if within is None:
                continue
            after, begun = "", False
            while after or not begun:
                command = PruneHistory(series, now - max(within, kept), after, limit)
                after, begun = prune_history(self.txn, command), True

    def rows(self) -> int:
        found = self.txn.one("SELECT COUNT(*) FROM hitl_past")
        assert found is not None
        return int(found[0])


@contextmanager
def book() -> Iterator[Book]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for number in range(len(MIGRATIONS)):
            step(connection, number)
        yield Book(Transaction(SqliteLink(connection)))


steps = st.tuples(
    st.integers(0, 60), st.sampled_from(["ann", "bob", "cyn"]), st.sampled_from([0.5, 1, 2]), st.integers(0, 3)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, min_size=5, max_size=40))
def test_decisions_with_pruning_are_those_without(story: list[tuple[int, str, float, int]]) -> None:
    """Hours pass, somebody is paid or not, and now and then one of the two books is pruned."""
    now, effects = START, numbers(1)
    with book() as whole, book() as pruned:
        for hours, to, amount, limit in story:
            now += timedelta(hours=hours)
            if limit:
                pruned.prune(now, timedelta(), limit)
            action, effect = Action(tool="pay", arguments={"to": to, "amount": amount}), next(effects)
            (said, counted), (also, also_counted) = (each.rule(action, now, effect) for each in (whole, pruned))
            assert also == said
            if not said.denied:
                whole.begin(action, counted, now, effect)
                pruned.begin(action, also_counted, now, effect)
        assert pruned.rows() <= whole.rows()


def test_what_is_older_than_every_look_is_gone_and_the_first_time_is_kept_for_ever() -> None:
    action = Action(tool="pay", arguments={"to": "ann", "amount": 1})
    with book() as kept:
        for effect in range(1, 8):
            kept.begin(action, kept.rule(action, START, effect)[1], START, effect)
        now = START + timedelta(days=8)
        kept.prune(now, LONGEST, 2)
        assert kept.rows() == 7 * 4  # two budgets share their series
        kept.prune(now, timedelta(), 2)
        assert kept.rows() == 7
        assert kept.rule(action, now, 99)[0].rule == "new-lately"

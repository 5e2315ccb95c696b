"""What is asked all the time reads a partial index, never the whole table, however much there is."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from hitl_core.commands import (
    ClaimRuns,
    CountQueue,
    DropSlips,
    FireTimers,
    FollowAudit,
    GetRequest,
    GetRun,
    GetSlip,
    ListAsked,
    ListAssigned,
    ListComments,
    ListEffects,
    ListGrants,
    ListGuidance,
    ListOverrides,
    ListProposed,
    ListQueue,
    ListRequests,
    ListRuns,
    ListSaid,
    ListSlips,
    ListStops,
    ListUndone,
    ListVersions,
    Look,
    Order,
    PruneSlips,
    Query,
    ReadAudit,
    ReadHistory,
    ReadLoad,
    ReadPace,
    Recall,
    SlipKind,
    TakeSlips,
)
from hitl_core.lifecycle import RequestState
from hitl_core.policy import Question
from hitl_core.protocol import Level, sha256
from hitl_core.stores.sql.answers import timers
from hitl_core.stores.sql.commands import claims, slips
from hitl_core.stores.sql.dispatch import QUERIES
from hitl_core.stores.sql.reading import load
from hitl_core.stores.sql.tables import Transaction
from hitl_core.stores.sql.tables.view import View
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.stores.sqlite.file import Location, SqliteLink, connect, migrate
from hitl_core.testing.clock import START
from tests.core.stores.world import World

SCANS_ALLOWED = (
    "hitl_audiences",
    "hitl_origins",  # as many as there are tools and agents that call them
    "hitl_inbox",
    "hitl_notices",
    "SCAN lanes",  # as many as there are tenants whose runs are ready
    "SCAN d",
    "SCAN l",
    "hitl_until",
    "hitl_due",
    "SCAN named",
    "SCAN hitl_stops USING COVERING INDEX",  # whether there is any: one entry is looked at
    "CONSTANT ROW",
    "json_each",  # what the query was given
)


class Explained(View):
    """A view that asks SQLite how it would read, for everything that is read."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(SqliteLink(connection))
        self.connection = connection
        self.steps: list[str] = []
        self.execute = self._explain

    def _explain(self, sql: str, parameters: tuple[object, ...] = ()) -> sqlite3.Cursor:
        plan = self.connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
        self.steps += [row[3] for row in plan]
        return self.connection.execute(sql, parameters)

    def scans(self) -> list[str]:
        scans = [step for step in self.steps if step.startswith("SCAN")]
        return [step for step in scans if not any(name in step for name in SCANS_ALLOWED)]

    def sorts(self) -> list[str]:
        return [step for step in self.steps if "TEMP B-TREE" in step]


@pytest.fixture
async def view(tmp_path: Path) -> Explained:
    store = await SqliteStore.open(tmp_path / "desk.db")
    await World(store).paused(count=3)
    await store.close()
    return Explained(sqlite3.connect(tmp_path / "desk.db"))


QUESTIONS: list[Query[object]] = [
    ListRequests(),
    ListRequests(cursor="2"),
    ListRequests(roles=("lead",)),
    ListRequests(notices=True),
    ListRequests(run_id="run-1", states=()),
    ListRequests(run_id="run-1"),
    ListQueue(),
    ListQueue(order=Order.DEADLINE, roles=("lead",), tenant="default"),
    ListQueue(order=Order.DEADLINE, cursor="d.0.1", tools=("refund",)),
    ListQueue(order=Order.RISK, agents=("clerk",)),
    ListQueue(order=Order.RISK, cursor="l2.0.1", levels=(Level.CONFIRM,)),
    ListQueue(put_off=True),
    ListQueue(notices=True),
    GetRequest("request-1"),
    GetRun("run-1"),
    Look("run-1", "refund#1"),
    ListStops("run-1", "default", "refund", ("clerk",)),
    ReadAudit(after=3),
    ReadAudit(run_id="run-1"),
    FollowAudit(after=3),
    FollowAudit(newest=True),
    FollowAudit(run_id="run-1"),
    ListProposed(since=START),
    ListProposed(cursor="2", tenant="shop"),
    ListAsked("run-1", "refund"),
    ListAssigned(("ann", "bob"), "default"),
    ListComments("request-1"),
    ListEffects("run-1"),
    ListGrants("refund", "default", "run-1", "refund#1"),
    ListGrants(id="grant-1"),
    ListGuidance("run-1"),
    ListOverrides("run-1"),
    ListRuns(undoes="run-1"),
    ListRuns(tenant="default", within=1),
    ListRuns(thread="thread-1", tenant="default"),
    ListRequests(not_of=(("plain", "shop:one"), ("langgraph", "shop:another"))),
    ListSaid("thread-1"),
    ListSaid("thread-1", "default", cursor="7"),
    ListSaid("thread-1", "default", run_id="run-1"),
    ListSaid("thread-1", "default", limit=1, id="m-1"),
    ListUndone("run-1"),
    ListVersions("request-1"),
    ReadPace(START),
    Recall("run-1"),
    GetSlip(SlipKind.SESSION, "abc", START),
    ListSlips(SlipKind.TOKEN, START),
    ListSlips(SlipKind.TOKEN, START, tenant="shop", cursor="7"),
    ListSlips(SlipKind.TOKEN, START, person="ann", cursor="7"),
    ListSlips(SlipKind.HELD, START, subject="request-1"),
    ReadHistory((Question(sha256(b"s"), sha256(b"k"), timedelta(days=1)),), "run-1", "refund#1", START),
]


@pytest.mark.parametrize("query", QUESTIONS, ids=repr)
def test_a_query_reads_what_it_needs(view: Explained, query: Query[object]) -> None:
    with suppress(LookupError):
        QUERIES[type(query)](view, query)
    assert view.scans() == []
    assert view.sorts() == [] or getattr(query, "run_id", None), "only the few requests of one run are sorted"
    view.connection.close()


def test_one_message_is_found_by_its_id_however_much_was_said(view: Explained) -> None:
    QUERIES[ListSaid](view, ListSaid("thread-1", "default", limit=1, id="m-1"))
    assert any("(thread=? AND tenant=? AND id=?" in step for step in view.steps)
    view.connection.close()


def test_what_waits_is_counted_from_the_entries_of_an_index(view: Explained) -> None:
    """No row is read for it. SQLite does not call that a covering index, but seeks no row until it needs one."""
    program = view.connection.execute(f"EXPLAIN {load.COUNT_OPEN}", (100,)).fetchall()
    table = next(p1 for _, opcode, p1, *_ in program if opcode == "OpenRead")
    index = next(p1 for _, opcode, p1, *_ in program if opcode == "DeferredSeek")
    read = {p1 for _, opcode, p1, *_ in program if opcode == "Column"}
    assert index in read
    assert table not in read
    QUERIES[ReadLoad](view, ReadLoad())
    bounded = {"c", "w", "hitl_stops"}
    assert {step.split()[1] for step in view.scans()} <= bounded, "groups, what is ready, the few stops"
    view.connection.close()


def test_an_inbox_is_counted_as_far_as_it_was_asked_to_be(view: Explained) -> None:
    QUERIES[CountQueue](view, CountQueue(roles=("lead",), tenant="default"))
    assert {step.split()[1] for step in view.scans()} <= {"c", "t"}, "groups, and what is put off"
    view.connection.close()


def test_looking_for_work_reads_what_there_is_to_do(view: Explained) -> None:
    claims.claimable(view, ClaimRuns("w", 30, START))
    timers.anything_due(view, FireTimers(START))
    assert (view.scans(), view.sorts()) == ([], [])
    assert any("hitl_woken" in step for step in view.steps)
    assert any("hitl_until" in step for step in view.steps)
    assert any("hitl_due" in step for step in view.steps)
    view.connection.close()


def test_slips_that_are_due_or_gone_are_found_by_their_time(tmp_path: Path) -> None:
    location = Location(tmp_path / "desk.db")
    connection = connect(location, writes=True, create=True)
    migrate(connection, location)
    seen = Explained(connection)
    txn = Transaction(SqliteLink(connection))
    txn.execute = seen.execute
    slips.anything_due(txn, TakeSlips(SlipKind.HELD, START, START))
    slips.take_slips(txn, TakeSlips(SlipKind.HELD, START, START))
    slips.prune_slips(txn, PruneSlips(START))
    slips.drop_slips(txn, DropSlips(SlipKind.SESSION, START, person="ann"))
    slips.drop_slips(txn, DropSlips(SlipKind.SESSION, START, subject="run-1"))
    slips.drop_slips(txn, DropSlips(SlipKind.SESSION, START, key="abc"))
    assert (seen.scans(), seen.sorts()) == ([], [])
    connection.close()


@pytest.mark.parametrize("claim", [ClaimRuns("w", 30, START, 4), ClaimRuns("w", 30, START, 4, versions=("2",))])
def test_a_claim_costs_the_same_whatever_waits_for_others(view: Explained, claim: ClaimRuns) -> None:
    """Ten thousand more runs of a tenant, or of a version that is not had here, are not read."""
    runs = """WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        INSERT INTO hitl_runs (id, state, app, thread, created, updated, attempts, turns, fence)
        SELECT 'run-' || i, 'ready', 1, 't', 0, 0, 0, 0, 0 FROM n WHERE i > ?"""
    woken = "INSERT OR IGNORE INTO hitl_woken (app, run, at) SELECT app, key, 0 FROM hitl_runs"
    steps = [0]

    def costs() -> int:
        steps[0] = 0
        claims.claimable(view, claim)
        return steps[0]

    def one_more() -> int:
        steps[0] += 1
        return 0

    def more(count: int, than: int) -> None:
        view.connection.set_progress_handler(None, 1)
        view.connection.execute(runs, (count, than))
        view.connection.execute(woken)
        view.connection.set_progress_handler(one_more, 1)

    view.execute = view.connection.execute  # only the claim itself is counted
    more(100, than=0)
    few = costs()
    more(10_000, than=100)
    assert costs() <= few * 1.1
    view.connection.close()


def test_the_inbox_reads_its_index(view: Explained) -> None:
    QUERIES[ListRequests](view, ListRequests(roles=("lead",)))
    assert any("hitl_inbox" in step for step in view.steps)
    QUERIES[ListRequests](view, ListRequests(states=(RequestState.FROZEN,)))
    view.connection.close()


def test_the_undos_of_a_run_are_found_among_undos(view: Explained) -> None:
    QUERIES[ListRuns](view, ListRuns(undoes="run-1"))
    assert any("hitl_undos" in step for step in view.steps)
    view.connection.close()

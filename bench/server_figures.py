"""PostgreSQL: answers of 32 clients, from an answer to the resume, an idle worker, 100,000 deadlines at once."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import psycopg

from hitl_core.stores.postgres import PostgresStore

from .bulk import PostgresTables, checked, fill
from .million_figures import swept, unlike
from .processes import Clerk, clerk
from .processes_figures import Waker, idle, waking
from .replay import Replay
from .server import durable_server, per_second, pgbench, schema
from .yardsticks import Fact, Figure, Found, median

PROCESSES: Final = 4
THREADS: Final = 8
CLIENTS: Final = PROCESSES * THREADS
SPARE: Final = 200
"""Requests that are recorded and not used."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    open: int
    replayed: int
    rounds: int
    seconds: int
    wakes: int
    idle_seconds: float
    due: int


FULL: Final = Size(open=60_000, replayed=25_600, rounds=4, seconds=3, wakes=300, idle_seconds=20.0, due=100_000)
SHORT: Final = Size(open=12_000, replayed=1_280, rounds=1, seconds=1, wakes=3, idle_seconds=0.5, due=600)


async def figures(folder: Path, *, smoke: bool) -> list[Found]:
    """On a server with its durable defaults, which shares the machine with its clients."""
    size = SHORT if smoke else FULL
    with durable_server() as server:
        made = await clients(server, folder, size)
        where = "another process, PostgreSQL"
        made += await waking(folder, schema(server, "wake"), bare(server, folder), size.wakes, where)
        made += idle(folder, schema(server, "idle"), size.idle_seconds, "on PostgreSQL")
        made += await deadlines(server, folder, size.due)
    return made


# ── many clients ─────────────────────────────────────────────────────────────────────────────────────────────


async def clients(server: str, folder: Path, size: Size) -> list[Found]:
    """Audited answers a second, against pgbench's own 32 clients: what the store sends, given by pgbench as well, and
    four Python processes with eight threads each, which do all that an answer is on the same two cores.
    """
    url = schema(server, "clients")
    await fill(PostgresStore.open_blocking(url, folder=folder), PostgresTables(url), size.open)
    replay = await replaying(schema(server, "replayed"), folder, size)
    pgbench(server, "-i", "-s", "10", "-q")
    ours, its, replayed = list[float](), list[float](), list[float]()
    with ExitStack() as stack:
        clerks = [stack.enter_context(clerk("answerer", url, folder)) for _ in range(PROCESSES)]
        for turn in range(size.rounds):
            its.append(transactions(server, size.seconds))
            replayed.append(replay.turn(size.replayed // size.rounds))
            ours.append(_answered(clerks, turn, size))
    await replay.checked()
    store = PostgresStore.open_blocking(url, folder=folder)
    await checked(store, size.open - round(sum(ours) * size.seconds), wholly=False)
    await store.close()
    against = f"pgbench -N, {CLIENTS} clients {median(its):,.0f} /s"
    return [
        Figure(
            f"audited answers of {CLIENTS} clients: the store's statements, given by pgbench; sealed afterwards",
            f"{median(replayed):,.0f} /s",
            against,
            median([one / other for one, other in zip(replayed, its, strict=True)]),
            1.0,
            least=True,
        ),
        Figure(
            f"audited answers of {CLIENTS} callers in {PROCESSES} Python processes beside the server, sealed meanwhile",
            f"{median(ours):,.0f} /s",
            against,
            median([one / other for one, other in zip(ours, its, strict=True)]),
        ),
        Fact("postgres.answers_per_second", median(ours), "answers/s"),
    ]


async def replaying(url: str, folder: Path, size: Size) -> Replay:
    """Open requests, and all that is sent for an answer to each of them."""
    many = size.replayed + SPARE
    await fill(PostgresStore.open_blocking(url, folder=folder), PostgresTables(url), many)
    return Replay(url, folder, many, CLIENTS)


def _answered(clerks: list[Clerk], turn: int, size: Size) -> float:
    """Answers per second of all of them together."""
    share = size.open // (size.rounds * len(clerks))
    for number, each in enumerate(clerks):
        after = (turn * len(clerks) + number) * share
        each.tell(json.dumps({"after": after, "many": share, "seconds": size.seconds, "threads": THREADS}))
    assert all(each.heard()["open"] for each in clerks)
    for each in clerks:
        each.tell()
    said = [each.heard() for each in clerks]
    assert all(each["left"] for each in said), "there were more answers than requests: fill more"
    return float(sum(each["answers"] for each in said)) / size.seconds


def transactions(server: str, seconds: int) -> float:
    """Simple updates a second by pgbench: an update of an account, and a line in a history."""
    said = pgbench(server, "-N", "-n", "-c", str(CLIENTS), "-j", "2", "-M", "prepared", "-T", str(seconds))
    return per_second(said)


# ── one at a time ────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def bare(server: str, folder: Path) -> AsyncIterator[Waker]:
    """A step that wakes another process by NOTIFY, durably in both, and says how many seconds it took."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE TABLE runs (number INT PRIMARY KEY, state INT NOT NULL)")
        with clerk("bare_postgres", server, folder) as other:

            def wake(number: int) -> float:
                connection.execute("INSERT INTO runs VALUES (%s, 0)", (number,))
                begun = time.monotonic_ns()
                connection.execute("UPDATE runs SET state = 1 WHERE number = %s", (number,))
                connection.execute("NOTIFY bare")
                said = other.heard()
                assert said["number"] == number, said
                return float(said["at"] - begun) / 1e9

            yield wake


# ── deadlines ────────────────────────────────────────────────────────────────────────────────────────────────


async def deadlines(server: str, folder: Path, due: int) -> list[Found]:
    """All of them due at the same moment, each fired once."""
    url = schema(server, "due")
    await fill(PostgresStore.open_blocking(url, folder=folder), PostgresTables(url), due, waits=timedelta(seconds=1))
    store = PostgresStore.open_blocking(url, folder=folder)
    fired, spent = swept(store)
    await checked(store, 0, wholly=False)
    await store.close()
    wrong = unlike(fired, due) + _lines_wrong(url, due)
    name, rate = f"{due:,} deadlines at once, PostgreSQL, not fired exactly once", due / spent
    return [
        Figure(name, f"{wrong:,} in {spent:,.1f} s", f"{due:,}", wrong / due, 0.0, binding=True),
        Fact("postgres.deadlines_per_second", rate, "deadlines/s"),
    ]


def _lines_wrong(url: str, due: int) -> int:
    """Requests that have not exactly one line of their expiry in the trail."""
    with psycopg.connect(url) as connection:
        sql = "SELECT COUNT(DISTINCT subject), COUNT(*) FROM hitl_audit WHERE event = 'request.expired'"
        subjects, lines = connection.execute(sql).fetchone() or (0, 0)
    return due - int(subjects) + int(lines) - int(subjects)

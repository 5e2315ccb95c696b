"""PostgreSQL: answers of 32 clients, from an answer to the resume, an idle worker, 100,000 deadlines at once."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
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
TOGETHER: Final = 16
"""Answers in a transaction where 32 callers of one process wait: half of them while it is under way."""
SPARE: Final = 200
"""Transactions that are recorded and not used."""


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
    alone = await replaying(schema(server, "alone"), folder, size, clients=CLIENTS, together=1)
    grouped = await replaying(schema(server, "grouped"), folder, size, clients=CLIENTS // TOGETHER, together=TOGETHER)
    pgbench(server, "-i", "-s", "10", "-q")
    rates: dict[str, list[float]] = {"its": [], "alone": [], "grouped": [], "ours": []}
    with ExitStack() as stack:
        clerks = [stack.enter_context(clerk("answerer", url, folder)) for _ in range(PROCESSES)]
        for turn in range(size.rounds):
            rates["its"].append(transactions(server, size.seconds))
            rates["alone"].append(alone.turn(size.replayed // size.rounds))
            rates["grouped"].append(grouped.turn(size.replayed // size.rounds))
            rates["ours"].append(_answered(clerks, turn, size))
    await alone.checked()
    await grouped.checked()
    store = PostgresStore.open_blocking(url, folder=folder)
    await checked(store, size.open - round(sum(rates["ours"]) * size.seconds), wholly=False)
    await store.close()
    what = f"audited answers of {CLIENTS} clients"
    return [
        compared(f"{what}: the store's statements for each alone, given by pgbench; sealed afterwards", "alone", rates),
        compared(f"{what}, {TOGETHER} in a transaction as one process groups them; else the same", "grouped", rates),
        compared(f"{what} in {PROCESSES} Python processes beside the server, sealed meanwhile", "ours", rates),
        Fact("postgres.answers_per_second", median(rates["ours"]), "answers/s"),
    ]


def compared(what: str, whose: str, rates: Mapping[str, Sequence[float]]) -> Figure:
    """In turns with simple updates by pgbench. The goal is held by what the store sends, answer by answer."""
    return Figure(
        what,
        f"{median(rates[whose]):,.0f} /s",
        f"pgbench -N, {CLIENTS} clients {median(rates['its']):,.0f} /s",
        median([one / other for one, other in zip(rates[whose], rates["its"], strict=True)]),
        1.0 if whose == "alone" else None,
        least=True,
    )


async def replaying(url: str, folder: Path, size: Size, *, clients: int, together: int) -> Replay:
    """Open requests, and all that is sent for an answer to each of them."""
    many = size.replayed + SPARE * together
    await fill(PostgresStore.open_blocking(url, folder=folder), PostgresTables(url), many)
    return Replay(url, folder, many, clients=clients, together=together)


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

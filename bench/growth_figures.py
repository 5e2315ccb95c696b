"""How it grows: open pauses in PostgreSQL, workers on one store, and bytes of what a paused run keeps."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg

from hitl_core import connect
from hitl_core.commands import ClaimRuns, FinishRun, OpenRun, PauseRun, RecordResponse
from hitl_core.protocol import RunState
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.sqlite import SqliteStore

from .bulk import PostgresTables, checked, fill
from .clerks import waiting
from .desk import lines
from .filled import Blocking, request_record, run_record
from .growing import PAGE, Step, curve, grown
from .pairs import config
from .processes import clerk
from .server import durable_server, schema
from .yardsticks import Curve, Fact, Figure, Found, disk_probe, median, microseconds, timed


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    open: tuple[int, ...]
    rounds: int
    answers: int
    workers: tuple[int, ...]
    drained: int
    payloads: tuple[int, ...]
    cycles: int


FULL: Final = Size(
    open=(1_000, 10_000, 100_000, 1_000_000),
    rounds=20,
    answers=200,
    workers=(1, 2, 4, 8),
    drained=200,
    payloads=(1_024, 65_536, 1_000_000),
    cycles=40,
)
SHORT: Final = Size(open=(200, 400), rounds=1, answers=3, workers=(1, 2), drained=6, payloads=(1_024, 65_536), cycles=2)
MEMO_CHARACTERS: Final = 100


async def figures(folder: Path, *, smoke: bool) -> list[Found]:
    """On both stores; the open pauses of a file are in million_figures.py."""
    size = SHORT if smoke else FULL
    with durable_server() as server:
        made = await in_postgres(server, folder, size)
        made += await workers(server, folder, size)
        made += payloads(server, folder, size)
    return made


# ── open pauses ──────────────────────────────────────────────────────────────────────────────────────────────


async def in_postgres(server: str, folder: Path, size: Size) -> list[Found]:
    """Stores of several sizes in one server, against a bare update of one row."""
    urls = {pauses: schema(server, f"open_{pauses}") for pauses in size.open}
    for pauses, url in urls.items():
        begun = time.monotonic()
        await fill(PostgresStore.open_blocking(url, folder=folder), PostgresTables(url), pauses)
        store = PostgresStore.open_blocking(url, folder=folder)
        # Of a million it would take a minute to read what the same code has written for a tenth of them.
        await checked(store, pauses, wholly=pauses <= 100_000, trail=pauses <= 100_000)
        await store.close()
        print(f"  filled and checked: {pauses:,} open in {time.monotonic() - begun:.0f} s", flush=True)
    each = _bytes(urls[size.open[-1]]) / size.open[-1]
    stores = {n: PostgresStore.open_blocking(url, folder=folder) for n, url in urls.items()}
    with bare_commit(server) as least:
        spent = grown({**stores}, least, rounds=size.rounds, answers=size.answers)
    for opened in stores.values():
        await opened.close()
    few, most = spent[size.open[0]], spent[size.open[-1]]
    page, against = median(most.page), f"of {size.open[0]:,} {microseconds(median(few.page))}"
    return [
        Figure(
            f"inbox page of {PAGE} of {size.open[-1]:,}, PostgreSQL",
            microseconds(page),
            against,
            page / median(few.page),
            1.5,
        ),
        Figure("bytes per open pause, PostgreSQL", f"{each:,.0f} B", "2,048 B", each / 2_048, 1.0),
        curve("growth-server", "in PostgreSQL", spent),
        Fact("postgres.bytes", each, "bytes per open pause"),
        Fact("postgres.page_seconds", page, "s"),
        Fact("postgres.answer_commits", most.answer_ratio, "bare commits"),
        Fact("postgres.cycle_seconds", median(most.cycle), "s"),
    ]


def _bytes(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute(SIZE).fetchone()
    assert found is not None
    return int(found[0])


SIZE: Final = """SELECT SUM(pg_total_relation_size(oid)) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"""


@contextmanager
def bare_commit(server: str) -> Iterator[Step]:
    """A step that changes one row with the bare driver, durably."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bare (id INT PRIMARY KEY, n INT)")
        connection.execute("INSERT INTO bare VALUES (1, 0) ON CONFLICT DO NOTHING")
        yield lambda: connection.execute("UPDATE bare SET n = n + 1 WHERE id = 1")


# ── workers ──────────────────────────────────────────────────────────────────────────────────────────────────


async def workers(server: str, folder: Path, size: Size) -> list[Found]:
    """Answered runs, resumed and finished by so many worker processes: how many a second, of what one does."""
    series: dict[str, list[tuple[float, float]]] = {"file": [], "PostgreSQL": []}
    for many in size.workers:
        urls = {"file": f"sqlite:///{folder / f'workers-{many}.db'}", "PostgreSQL": schema(server, f"workers_{many}")}
        for name, url in urls.items():
            runs = size.drained * (1 if name == "PostgreSQL" else QUICKER)
            series[name].append((many, await _drained(url, folder, many, runs)))
    rates = {name: [(many, rate / points[0][1]) for many, rate in points] for name, points in series.items()}
    title = "Workers on one store: resumed runs per second"
    alone, together = series["PostgreSQL"][0][1], max(rate for _, rate in series["PostgreSQL"])
    return [
        Curve("growth-workers", title, "worker processes", "times one worker", rates),
        Fact("sqlite.resumed_per_second", max(rate for _, rate in series["file"]), "runs/s"),
        Fact("postgres.resumed_per_second", together, "runs/s"),
        Fact("postgres.resumed_per_second_alone", alone, "runs/s of one worker"),
        Fact("postgres.connections_each", await _connections(server, folder), "connections of one worker"),
    ]


async def _connections(server: str, folder: Path) -> float:
    """How many one worker has at the most, while it has work."""
    url, most = schema(server, "connections"), 0
    async with connect(config("plain", waiting, folder, store=url)) as hitl:
        for number in range(WATCHED):
            run = await hitl.start({"number": number})
            await hitl.respond(run.pending[0].answer("yes", by="reviewer"))
    with psycopg.connect(server, autocommit=True) as connection, clerk("drainer", url, folder) as worker:
        worker.tell()
        while "turns" not in await asyncio.to_thread(worker.heard):
            (many,) = connection.execute(CONNECTED).fetchone() or (0,)
            most = max(most, many)
    return float(most)


QUICKER: Final = 3
"""How many times as many runs a file gets, so that it has work for as long."""
WATCHED: Final = 30
CONNECTED: Final = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name LIKE 'hitl%'"


async def _drained(url: str, folder: Path, many: int, runs: int) -> float:
    """Resumed runs per second."""
    async with connect(config("plain", waiting, folder, store=url)) as hitl:
        for number in range(runs):
            run = await hitl.start({"number": number})
            await hitl.respond(run.pending[0].answer("yes", by="reviewer"))
    with ExitStack() as stack:
        clerks = [stack.enter_context(clerk("drainer", url, folder)) for _ in range(many)]
        begun = time.monotonic_ns()
        for each in clerks:
            each.tell()
        ended, turns = begun, 0
        for each in clerks:
            while "turns" not in (said := await asyncio.to_thread(each.heard)):
                pass
            ended, turns = max(ended, said["at"]), turns + said["turns"]
    assert turns == runs, f"{turns} turns for {runs} runs"
    return runs / ((ended - begun) / 1e9)


# ── payloads ─────────────────────────────────────────────────────────────────────────────────────────────────


def payloads(server: str, folder: Path, size: Size) -> list[Found]:
    """A cycle whose run keeps so many bytes while it is paused, against the same bytes written durably and no more."""
    file = SqliteStore.open_blocking(folder / "payloads.db")
    table = PostgresStore.open_blocking(schema(server, "payloads"), folder=folder)
    series: dict[str, list[tuple[float, float]]] = {"file": [], "PostgreSQL": []}
    for many in size.payloads:
        text = "\n".join(lines(many // MEMO_CHARACTERS + 1))[:many]
        with disk_probe(folder, block=many) as sync, _bare_insert(server, many) as insert:
            series["file"].append((many, _cycles(file, text, sync, size.cycles)))
            series["PostgreSQL"].append((many, _cycles(table, text, insert, size.cycles)))
    file.close_blocking()
    table.close_blocking()
    title = "Bytes kept while paused: a cycle, against writing them once"
    return [Curve("growth-payload", title, "bytes of state", "times one write", series)]


def _cycles(store: Blocking, text: str, least: Callable[[], object], times: int) -> float:
    spent, bare = list[float](), list[float]()
    for _ in range(times):
        bare += timed(least, 1)
        spent += timed(lambda: _cycle(store, text), 1)
    return median(spent) / median(bare)


def _cycle(store: Blocking, text: str) -> None:
    now = datetime.now(UTC)
    opened = store.apply_blocking(OpenRun(run_record(now), "bench", 60.0, now))
    request = request_record(opened.run.id, now)
    store.apply_blocking(PauseRun(opened.lease, {"state": text}, (request,), now))
    store.apply_blocking(RecordResponse(request.approve(by="reviewer"), now))
    (claimed,) = store.apply_blocking(ClaimRuns("bench", 60.0, now, 1, opened.run.id))
    store.apply_blocking(FinishRun(claimed.lease, RunState.COMPLETED, now, consumed=(request.call,)))


@contextmanager
def _bare_insert(server: str, many: int) -> Iterator[Step]:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bare_bytes (data BYTEA NOT NULL)")
        connection.execute("ALTER TABLE bare_bytes ALTER COLUMN data SET STORAGE EXTERNAL")
        data = os.urandom(many)
        yield lambda: connection.execute("INSERT INTO bare_bytes VALUES (%s)", (data,))

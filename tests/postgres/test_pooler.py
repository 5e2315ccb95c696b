"""Behind a pooler in transaction mode everything works; that nobody can listen through it is found out and said."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from hitl_core.audit import verify
from hitl_core.cli.app import run
from hitl_core.commands import BeginEffect, ClaimRuns, ListRequests, PerformEffect, RecordResponse
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import EffectMode, Json
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.upkeep import PostgresUpkeep
from hitl_core.testing.clock import START
from tests.core.stores.world import REFUND, World
from tests.postgres.pooler import a_strict_pooler

pytestmark = pytest.mark.postgres
LONG = 60.0
PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

CONFIG = """
[databases]
* = host={server} user=postgres
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 6
min_pool_size = 4
logfile = {folder}/log
pidfile = {folder}/pid
"""


@pytest.fixture
def database(server: str, tmp_path: Path) -> Iterator[str]:
    """A database of its own: a pooler does not pass on in which schema a client would like to be."""
    name = f"d{time.monotonic_ns()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # a name of our own
        yield server.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # a name of our own


@contextmanager
def strict(server: Path, folder: Path) -> Iterator[None]:
    with a_strict_pooler(server, folder) as pooler:
        yield
    assert pooler.transactions > 0


@contextmanager
def pgbouncer(server: Path, folder: Path) -> Iterator[None]:
    assert PGBOUNCER
    (folder / "pgbouncer.ini").write_text(CONFIG.format(server=server, folder=folder))
    user = pwd.getpwuid(server.stat().st_uid).pw_name
    for path in (folder, folder / "pgbouncer.ini"):
        shutil.chown(path, user)
    command = [PGBOUNCER, "-q", *(["-u", user] if os.getuid() == 0 else []), str(folder / "pgbouncer.ini")]
    running = subprocess.Popen(command)
    try:
        _until_it_answers(folder)
        yield
    finally:
        running.terminate()
        running.wait()


def _until_it_answers(folder: Path) -> None:
    give_up = time.monotonic() + LONG
    while time.monotonic() < give_up:
        with suppress(psycopg.OperationalError), psycopg.connect(f"postgresql://postgres@/pgbouncer?{where(folder)}"):
            return
    raise AssertionError("pgbouncer does not answer")


def where(folder: Path) -> str:
    return f"host={folder}&port={6432 if (folder / 'pgbouncer.ini').exists() else 5432}"


NOT_HERE = pytest.mark.skipif(PGBOUNCER is None, reason="not run: pgbouncer is not installed here")


@pytest.fixture(params=[strict, pytest.param(pgbouncer, marks=NOT_HERE)])
def pooled(request: pytest.FixtureRequest, server: str, database: str) -> Iterator[str]:
    """The database's URL through a pooler."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hitl-pooler-")))
        stack.enter_context(request.param(Path(str(conninfo_to_dict(server)["host"])), folder))
        name = conninfo_to_dict(database)["dbname"]
        yield f"postgresql://postgres@/{name}?{where(folder)}"


async def test_many_work_through_it_at_once(pooled: str, tmp_path: Path) -> None:
    one, other = [await PostgresStore.open(pooled, folder=tmp_path) for _ in range(2)]
    paused = [await World(one).paused(count=2) for _ in range(20)]
    requests = [request for _, several in paused for request in several]

    def answered(place: tuple[int, Any]) -> None:
        number, request = place
        (one, other)[number % 2].apply_blocking(RecordResponse(request.approve(by="ann"), START))

    def claimed(number: int) -> list[str]:
        store, mine = (one, other)[number % 2], list[str]()
        while taken := store.apply_blocking(ClaimRuns(f"worker-{number}", 3600, START, limit=3)):
            mine += [each.run.id for each in taken]
        return mine

    with ThreadPoolExecutor(4) as people:
        list(people.map(answered, enumerate(requests)))
        taken = [run for mine in people.map(claimed, range(4)) for run in mine]
    assert Counter(taken) == Counter(run.id for run, _ in paused)
    assert (await other.fetch(ListRequests())).items == ()
    for store in (one, other):
        await store.close()
    again = await PostgresStore.open(pooled, folder=tmp_path)
    assert (await verify(again, again.custody)).findings == ()
    await again.close()


async def test_a_name_that_was_prepared_elsewhere_is_done_without(pooled: str, tmp_path: Path) -> None:
    """It was said that statements can be prepared, and that is not so."""
    store = await PostgresStore.open(pooled, folder=tmp_path, prepare="on")
    for _ in range(20):
        _, (request,) = await World(store).paused()
        await World(store).answer(request.approve(by="ann"))
    assert (await store.fetch(ListRequests())).items == ()
    await store.close()


async def test_an_effect_commits_with_its_outcome_through_it(pooled: str, tmp_path: Path) -> None:
    store = await PostgresStore.open(pooled, folder=tmp_path)
    world = World(store)
    lease, _ = await world.approved()

    def pay(transaction: Any) -> Json:
        transaction.execute("INSERT INTO paid VALUES (%s)", (REFUND.arguments["order"],))
        return "paid"

    with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("CREATE TABLE paid (what TEXT)")
        begin = BeginEffect(lease, "refund#1", REFUND, EffectMode.TRANSACTIONAL, world.now)
        effect = await store.apply(PerformEffect(begin, pay))
        assert (effect.state, effect.result) == (ActionState.EXECUTED, "paid")
        assert connection.execute("SELECT what FROM paid").fetchall() == [("A-1042",)]
    await store.close()


async def woken(waits: PostgresStore, other: PostgresStore) -> None:
    """Wait at one store, let the other change something once it is known whether anything is heard, and be woken."""
    waiting = asyncio.ensure_future(waits.changed(timeout=LONG))
    async with asyncio.timeout(LONG / 2):
        while waits.hears is None:
            await asyncio.wait((waiting,), timeout=0.05)
        assert not waiting.done()
        await World(other).open()
        await waiting


async def test_that_nobody_is_heard_through_it_is_said_once_and_who_waits_looks(
    pooled: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = [await PostgresStore.open(pooled, folder=tmp_path) for _ in range(2)]
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            await woken(one, other)
    assert one.hears is False
    (warning,) = [each.getMessage() for each in caplog.records]
    assert "no NOTIFY is heard" in warning
    assert "`listen` in [store]" in warning
    (remark,) = PostgresUpkeep.of(pooled).remarks()
    assert "no NOTIFY is heard there" in remark
    for store in (one, other):
        await store.close()


async def test_a_direct_url_to_listen_on_is_heard(
    pooled: str, database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = [await PostgresStore.open(pooled, folder=tmp_path, listen=database) for _ in range(2)]
    with caplog.at_level(logging.WARNING):
        await woken(one, other)
    assert (one.hears, caplog.records) == (True, [])
    assert PostgresUpkeep.of(pooled, listen=database).remarks() == ()
    for store in (one, other):
        await store.close()


def test_the_doctor_looks_makes_nothing_and_says_that_nobody_is_heard(
    pooled: str, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "desk.py").write_text("async def app(case):\n    return case\n")
    config = tmp_path / "hitl.toml"
    told = f'[backend]\nname = "plain"\napp = "desk:app"\n[store]\nurl = "{pooled}"\n'

    def doctor(more: str = "") -> dict[str, Any]:
        config.write_text(told + more)
        run(["doctor", "--json", "-c", str(config)])
        return dict(json.loads(capsys.readouterr().out)["store"])

    assert (doctor()["made"], tables(database)) == (False, 0)
    PostgresUpkeep.of(pooled).migrate()
    PostgresStore.open_blocking(pooled, folder=tmp_path).close_blocking()
    assert "no NOTIFY is heard there" in doctor()["message"]
    assert doctor(f'listen = "{database}"\n') == {"ok": True, "made": True, "message": "can be opened and read"}


def tables(database: str) -> int:
    with psycopg.connect(database) as connection:
        (found,) = connection.execute("SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() or (-1,)
        return int(found)

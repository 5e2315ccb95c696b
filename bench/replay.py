"""What answers send to PostgreSQL, recorded on the store's own link and given again by pgbench, without Python.

Each open request of a filled store is answered once through the store, in a transaction that is rolled back: so the
statements, their order, the round trips and the values are the store's own, also the marks of the audit lines. pgbench
then gives them again with all its clients, and commits. It reads the values of each transaction from a table, which
costs it a statement that the store does not send.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import psycopg
from psycopg import RawCursor

from hitl_core.commands import ListRequests, RecordResponse
from hitl_core.protocol import PauseRequest
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.engine.batches import Job
from hitl_core.stores.postgres.server import link

from .bulk import checked
from .server import per_second, pgbench

PAGE: Final = 1_000

USED_TO_IT: Final = 8
"""Transactions after which the process has taken its numbers and its connection has been used."""

Sent = tuple[str, tuple[Any, ...]]
"""A statement and what it was given."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The rounds of one transaction, each with its statements; the first begins, and a last one of its own commits."""

    rounds: list[list[Sent]]

    @property
    def texts(self) -> list[list[str]]:
        return [[sql for sql, _ in each] for each in self.rounds]

    @property
    def values(self) -> list[str | None]:
        return [_told(value) for each in self.rounds for _, given in each for value in given]

    @property
    def shape(self) -> tuple[list[list[str]], list[bool]]:
        """What is alike in all of them: the texts, and which values there are."""
        return self.texts, [value is None for value in self.values]


@contextmanager
def recording(into: list[list[Sent]]) -> Iterator[None]:
    """What is sent goes into rounds; COMMIT is carried out as ROLLBACK."""
    begin, end, arrive = link.PostgresLink.begin, link.PostgresLink.end, link.PostgresLink.arrive

    class Recorded(RawCursor[Any]):
        def execute(self, query: Any, params: Any = None, **how: Any) -> Any:
            into[-1].append((str(query), tuple(params or ())))
            return super().execute(query, params, **how)

        def executemany(self, query: Any, params_seq: Any, **how: Any) -> None:
            into[-1].extend((str(query), tuple(each)) for each in params_seq)
            super().executemany(query, params_seq, **how)

    def begun(self: Any, how: str, **ends: Any) -> None:
        into.append([(how, ())])
        begin(self, how, **ends)

    def arriving(self: Any, sent: int) -> None:
        arrive(self, sent)
        if into[-1]:
            into.append([])

    def ended(self: Any, how: str, behind: Any = ()) -> None:
        end(self, "ROLLBACK" if how == "COMMIT" else how)
        into[-1].append((how, ()))

    with ExitStack() as patched:
        patched.enter_context(patch.object(link, "RawCursor", Recorded))
        for name, instead in (("begin", begun), ("end", ended), ("arrive", arriving)):
            patched.enter_context(patch.object(link.PostgresLink, name, instead))
        yield


def recorded(store: PostgresStore, requests: Iterator[PauseRequest], together: int) -> Iterator[Answered]:
    """What the store sends for an answer to each of these, `together` of which wait for it at the same time."""
    while len(waiting := [*islice(requests, together)]) == together:
        rounds: list[list[Sent]] = []
        jobs = [Job(RecordResponse(each.approve(by="reviewer"), datetime.now(UTC))) for each in waiting]
        with recording(rounds):
            store._engine._together(jobs)
        assert all(job.carried_out for job in jobs), "some were left to be done alone"
        yield Answered(rounds)


def open_ones(store: PostgresStore, many: int) -> Iterator[PauseRequest]:
    cursor = None
    while many > 0:
        page = store.fetch_blocking(ListRequests(limit=min(PAGE, many), cursor=cursor))
        yield from (each.request for each in page.items)
        many, cursor = many - len(page.items), page.cursor


def _told(value: Any) -> str | None:
    """A value as the server reads it."""
    if value is None:
        return None
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


# ── what pgbench is given ────────────────────────────────────────────────────────────────────────────────────


class Replay:
    """A script of pgbench that gives `together` answers in each transaction, and a table with the values of all."""

    def __init__(self, url: str, folder: Path, requests: int, *, clients: int, together: int) -> None:
        self._url, self._clients, self._together = url, clients, together
        self._file = folder / f"answers-{together}.sql"
        self._requests = requests
        self._given = 0
        store = PostgresStore.open_blocking(url, folder=folder, anchoring=False)  # it seals nothing meanwhile
        self._folder = folder
        answered = recorded(store, open_ones(store, requests), together)
        for _ in range(USED_TO_IT):
            first = next(answered)
        self._texts, self._nulls = self._shape = first.shape
        self._columns = [f"v{place}" for place in range(len(first.values))]
        with psycopg.connect(url, autocommit=True) as connection:
            columns = ", ".join(f"{each} TEXT" for each in self._columns)
            connection.execute(f"CREATE TABLE replay (n BIGINT PRIMARY KEY, {columns})")
            self._recorded = self._fill(connection, answered)
            connection.execute("VACUUM (ANALYZE) replay")
        store.close_blocking()
        self._file.write_text(self._script())

    def turn(self, answers: int) -> float:
        """Answers a second, of so many by all clients together, each to a request of its own."""
        each = answers // (self._clients * self._together)
        begin, self._given = self._given // self._together, self._given + each * self._clients * self._together
        assert self._given <= self._recorded * self._together, "there are more answers to give than were recorded"
        where = ["-f", str(self._file), "-D", f"begin={begin}", "-D", "turn=-1"]
        how = ["-n", "-c", str(self._clients), "-j", str(min(2, self._clients)), "-M", "prepared", "-t", str(each)]
        return per_second(pgbench(self._url, *where, *how)) * self._together

    async def checked(self) -> None:
        """Raises AssertionError unless each answer that was given counts, and the trail tells of all of them."""
        with psycopg.connect(self._url) as connection:
            sql = (
                "SELECT COUNT(*) FROM hitl_requests q JOIN hitl_bodies b ON b.key = q.response WHERE state = 'decided'"
            )
            assert connection.execute(sql).fetchone() == (self._given,)
            assert connection.execute("SELECT COUNT(*) FROM hitl_woken").fetchone() == (self._given,)
        store = PostgresStore.open_blocking(self._url, folder=self._folder)
        await checked(store, self._requests - self._given, wholly=False)
        await store.close()
        with psycopg.connect(self._url) as connection:
            sql = "SELECT COUNT(DISTINCT subject), COUNT(*) FROM hitl_audit WHERE event = 'request.decided'"
            assert connection.execute(sql).fetchone() == (self._given, self._given)

    def _fill(self, connection: psycopg.Connection[Any], answers: Iterator[Answered]) -> int:
        number = 0
        with connection.cursor().copy("COPY replay FROM STDIN") as copy:
            for answer in answers:
                if answer.shape != self._shape:
                    continue  # one that took a new block of numbers
                copy.write_row((number, *answer.values))
                number += 1
        return number

    def _script(self) -> str:
        lines = ["\\set turn :turn + 1", f"\\set n :begin + :turn * {self._clients} + :client_id"]
        lines.append(f"SELECT {', '.join(self._columns)} FROM replay WHERE n = :n \\gset")
        place = 0
        for sent in self._texts:
            lines.append("\\startpipeline")
            for sql in sent:
                text, many = self._with_variables(sql, place)
                lines.append(text)
                place += many
            lines.append("\\endpipeline")
        return "\n".join(lines) + "\n"

    def _with_variables(self, sql: str, place: int) -> tuple[str, int]:
        """A statement with pgbench's names for what it is given, which pgbench makes `$1` again; and how much that is.

        pgbench has no name for what is NULL.
        """

        def named(mark: re.Match[str]) -> str:
            at = place + int(mark[1]) - 1
            return "NULL" if self._nulls[at] else f":v{at}"

        many = max((int(each) for each in re.findall(r"\$(\d+)", sql)), default=0)
        return f"{' '.join(re.sub(r'[$]([0-9]+)', named, sql).split())};", many

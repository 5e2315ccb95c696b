"""Approvals by hand: what one writes in an afternoon with a table and a loop, without this library.

One row for each question, first answer wins, a worker looks for answers every half second. What a worker had in hands
when it died is given to the next one that starts, or nobody would ever do it. It is written with care: each step is one
durable statement, nothing is read and then written. There is no record of who did what, no deadline, no fence, no
policy, no digest of what was shown, and nobody is told whether an effect has happened before.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

POLL: Final = 0.5
"""Seconds between two looks. A shorter time is quicker, and costs more when there is nothing to do."""

TABLE: Final = """CREATE TABLE IF NOT EXISTS approvals (id TEXT PRIMARY KEY, state TEXT NOT NULL, asked TEXT NOT NULL,
    answer TEXT, answered_by TEXT)"""
INDEX: Final = "CREATE INDEX IF NOT EXISTS approvals_state ON approvals (state)"
ASK: Final = "INSERT INTO approvals (id, state, asked) VALUES (?, 'open', ?)"
PENDING: Final = "SELECT id, asked FROM approvals WHERE state = 'open' ORDER BY id LIMIT ?"
ANSWER: Final = "UPDATE approvals SET state = 'answered', answer = ?, answered_by = ? WHERE id = ? AND state = 'open'"
CLAIM: Final = """UPDATE approvals SET state = 'working' WHERE id = (
    SELECT id FROM approvals WHERE state = 'answered' LIMIT 1{locked}) RETURNING id, asked"""
DONE: Final = "UPDATE approvals SET state = 'done' WHERE id = ?"
GIVE_BACK: Final = "UPDATE approvals SET state = 'answered' WHERE state = 'working'"


class Connection(Protocol):
    """What both drivers have in common."""

    def execute(self, sql: str, given: tuple[Any, ...] = (), /) -> Any: ...

    def close(self) -> None: ...


class Approvals:
    """The table, in a file or in PostgreSQL. Use one in each process."""

    def __init__(self, connection: Connection, *, marks: str = "?", locked: str = "") -> None:
        self._connection = connection
        self._sql = {name: sql.replace("?", marks) for name, sql in STATEMENTS.items()}
        self._sql["claim"] = self._sql["claim"].format(locked=locked)
        for statement in (TABLE, INDEX):
            connection.execute(statement)

    @classmethod
    def open(cls, url: str) -> Approvals:
        """`postgresql://…`, or the path of a file."""
        if not url.startswith("postgres"):
            connection = sqlite3.connect(Path(url), isolation_level=None, timeout=30)
            for pragma in ("journal_mode = WAL", "synchronous = FULL"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            return cls(connection)
        import psycopg

        return cls(psycopg.connect(url, autocommit=True), marks="%s", locked=" FOR UPDATE SKIP LOCKED")

    def close(self) -> None:
        self._connection.close()

    def ask(self, name: str, what: object) -> None:
        """A question that is open from now on."""
        self._connection.execute(self._sql["ask"], (name, json.dumps(what)))

    def pending(self, limit: int) -> list[tuple[str, Any]]:
        """The inbox."""
        found = self._connection.execute(self._sql["pending"], (limit,)).fetchall()
        return [(name, json.loads(asked)) for name, asked in found]

    def answer(self, name: str, said: str, by: str) -> bool:
        """Whether this was the first answer."""
        return bool(self._connection.execute(self._sql["answer"], (said, by, name)).rowcount)

    def work(self, effect: Callable[[str, Any], None]) -> int:
        """Carry out what was answered; how many it were."""
        done = 0
        while found := self._connection.execute(self._sql["claim"]).fetchall():
            ((name, asked),) = found
            effect(name, json.loads(asked))
            self._connection.execute(self._sql["done"], (name,))
            done += 1
        return done

    def serve(self, effect: Callable[[str, Any], None], stopped: Callable[[], bool]) -> None:
        """The worker: first what its predecessor had in hands when it died, then what is answered, for ever."""
        self._connection.execute(self._sql["give_back"])
        while not stopped():
            if not self.work(effect):
                time.sleep(POLL)


STATEMENTS: Final = {
    "ask": ASK,
    "pending": PENDING,
    "answer": ANSWER,
    "claim": CLAIM,
    "done": DONE,
    "give_back": GIVE_BACK,
}

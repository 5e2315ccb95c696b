"""Answers in one transaction: what all of them read is read at once, what they write is written at once.

Locks first, as for any command; but a run that somebody else has locked is passed over, so that a batch waits for
nobody and cannot be in a circle of those who wait. Under the locks nobody changes what was read, except this
transaction itself: the second answer in a run reads for itself what the first has left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg

from ....commands import RecordResponse
from ....errors import StoreUnavailable
from ...sql.answers.decisions import ASKED
from ...sql.dispatch import COMMANDS
from ...sql.tables import Name, Row, Taken, Transaction, column, packed
from ..server import of_the_command
from .batches import Job
from .gathering import GatheringLink, array

TOGETHER: Final = (RecordResponse,)
"""Commands that share a transaction with others: each is about one run, and short."""

_LOCK: Final = """SELECT q.id FROM hitl_requests q JOIN hitl_runs r ON r.key = q.run WHERE q.id = ANY(?::bytea[])
    FOR UPDATE OF r SKIP LOCKED"""
_ALL_ASKED: Final = ASKED.replace("q.id = ?", "q.id = ANY(?::bytea[])")
_ID: Final = 1
_RUN: Final = 2
"""Where they stand in a row of ASKED."""


class Outcome:
    """What came of one command, to be told once it is committed."""

    __slots__ = ("_error", "_job", "_result")

    def __init__(self, job: Job[Any], result: Any = None, error: BaseException | None = None) -> None:
        self._job = job
        self._result = result
        self._error = error

    def tell(self) -> None:
        if self._error is None:
            self._job.succeed(self._result)
        else:
            self._job.fail(self._error)

    def unknown(self, why: StoreUnavailable) -> None:
        """It is not known whether it was kept."""
        self._job.fail(StoreUnavailable(str(why)))


def carry_out(link: GatheringLink, txn: Transaction, jobs: Sequence[Job[Any]]) -> list[Outcome]:
    """What came of those whose run was free; the others are left to be done alone, and so is a request unknown here.

    Raises what none of them did wrong, or what cannot be undone by itself: then nothing is to be kept.
    """
    names = {_name(job): job for job in jobs}
    locked = link.execute(_LOCK, (array("bytea", names),))
    asked = link.execute(_ALL_ASKED, (array("bytea", names),))
    free = {row[0] for row in locked.fetchall()}
    rows: dict[bytes, Row] = {row[_ID]: row for row in asked.fetchall() if row[_ID] in free}
    outcomes, touched = list[Outcome](), set[int]()
    for job in jobs:
        if (row := rows.get(_name(job))) is None:
            continue
        link.next_command()
        if row[_RUN] not in touched:
            link.knows(ASKED, column(_asked(job)), row)
        touched.add(row[_RUN])
        outcomes.append(_one(link, txn, job))
    link.next_command()
    return outcomes


def _one(link: GatheringLink, txn: Transaction, job: Job[Any]) -> Outcome:
    """Carry out one command. If it raises, nothing that it wrote stays, except that it was refused."""
    before = len(txn.lines)
    txn.of_refusal.clear()
    try:
        return Outcome(job, COMMANDS[type(job.command)](txn, job.command))
    except (psycopg.Error, Taken):
        raise
    except Exception as exc:
        if link.sent:
            raise
        link.take_back_gathered()
        txn.lines = [*txn.lines[:before], *txn.of_refusal]
        return Outcome(job, error=of_the_command(exc))


def _name(job: Job[Any]) -> bytes:
    """The id of the request that an answer is about, as it is stored."""
    stored = column(_asked(job))
    return packed(stored) if isinstance(stored, Name) else stored


def _asked(job: Job[Any]) -> str:
    assert isinstance(job.command, RecordResponse), "TOGETHER has no other"
    return job.command.response.request_id

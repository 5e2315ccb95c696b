"""BeatWorker, ForgetWorker: a row for each worker, written every few seconds, so that people see who is there."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from ....commands import Beat, BeatWorker, ForgetWorker, Loads, SeenWorker
from ....protocol import instant, micros
from ..tables import Transaction

KEPT: Final = timedelta(hours=1)
"""How long a worker that died is still shown."""

WORKERS: Final = "SELECT name, seen, until, body FROM hitl_workers ORDER BY name"
_PUT: Final = """INSERT INTO hitl_workers (name, seen, until, body) VALUES (?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET seen = excluded.seen, until = excluded.until, body = excluded.body"""


def beat_worker(txn: Transaction, command: BeatWorker) -> None:
    beat, now = command.beat, command.now
    body = {**asdict(beat), "started_at": micros(beat.started_at)}
    ends = micros(now + timedelta(seconds=command.seconds))
    txn.execute(_PUT, (beat.worker, micros(now), ends, json.dumps(body, ensure_ascii=False)))
    txn.execute("DELETE FROM hitl_workers WHERE until < ?", (micros(now - KEPT),))


def forget_worker(txn: Transaction, command: ForgetWorker) -> None:
    txn.execute("DELETE FROM hitl_workers WHERE name = ?", (command.worker,))


def seen_worker(row: tuple[Any, ...]) -> SeenWorker:
    """A worker of a row of WORKERS."""
    _, seen, ends, text = row
    body = json.loads(text)
    loads = body["loads"]
    resumes, formats = tuple(loads["resumes"]), tuple(loads["formats"])
    found = Loads(loads["backend"], loads["app"], loads["version"], resumes, formats)
    started = instant(body["started_at"])
    beat = Beat(body["worker"], started, found, body["places"], body["busy"], body["ending"])
    return SeenWorker(beat, instant(seen), instant(ends))

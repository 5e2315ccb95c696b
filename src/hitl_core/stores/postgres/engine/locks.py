"""What a command locks before it looks: after that, everything that it reads and writes stays as it has seen it.

Each statement sees what was committed before it (READ COMMITTED), and a command first waits for whoever is at the same
thing. So the shared functions find what they would find as the only writer of a file:

- what is about one run locks its row: answers, leases, effects and cancelling come one after the other for each run;
- an undo locks the run that it undoes too, and what is counted by rules is locked by what it is counted under;
- who fires deadlines locks the runs of those that are due, and passes over what others have locked: it stays due;
- what reaches across runs (a stop, erasing) has the store to itself for a moment. All others share it, so that an
  action that begins has begun before a stop is in force, or sees it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from .... import commands as c
from ...sql.commands import FIND
from ...sql.tables import Name, column, packed
from ..server import PostgresLink


class Lock(NamedTuple):
    """How a command goes about it: `alone`, or beside others once `take` has locked what it is about.

    `drains`: it changes what belongs to lines of the trail, so all are sealed first, and its own with it.
    """

    alone: bool
    take: Callable[[PostgresLink, str, Any], None]
    drains: bool = False


def number(origin: str, *names: str) -> int:
    """The number of an advisory lock: they have no names, and a database may hold several stores."""
    digest = blake2b("\0".join((origin, *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


_RUN: Final = "SELECT more FROM hitl_runs WHERE id = ? FOR UPDATE"
_RUN_OF_REQUEST: Final = """SELECT r.more FROM hitl_runs r WHERE r.key = (SELECT run FROM hitl_requests WHERE id = ?)
    FOR UPDATE"""
_ADVISORY: Final = "SELECT pg_advisory_xact_lock(?)"


def _nothing(link: PostgresLink, origin: str, command: Any) -> None:
    """What it changes is one row that is compared and set, or one that is new."""


def _run(link: PostgresLink, origin: str, command: Any) -> None:
    link.execute(_RUN, (column(command.run_id),))


def _leased(link: PostgresLink, origin: str, command: Any) -> None:
    link.execute(_RUN, (column(command.lease.run_id),))


def _fired(link: PostgresLink, origin: str, command: c.FireTimers) -> None:
    """Who fires waits for whoever is at it, and finds what is left. It locks the runs that it finds itself."""
    link.execute(_ADVISORY, (number(origin, "timers"),))


def _guided(link: PostgresLink, origin: str, command: c.GiveGuidance) -> None:
    link.execute(_RUN, (column(command.guidance.run_id),))


def _asked(link: PostgresLink, origin: str, command: Any) -> None:
    link.execute(_RUN_OF_REQUEST, (column(command.request_id),))


def _answered(link: PostgresLink, origin: str, command: c.RecordResponse) -> None:
    link.execute(_RUN_OF_REQUEST, (column(command.response.request_id),))


def _commented(link: PostgresLink, origin: str, command: c.AddComment) -> None:
    link.execute(_RUN_OF_REQUEST, (column(command.comment.request_id),))


def _opened(link: PostgresLink, origin: str, command: c.OpenRun) -> None:
    """A run is new; what is said with it comes to what was said in its thread."""
    if command.said:
        thread = column(command.run.thread)
        _saying(link, origin, packed(thread) if isinstance(thread, Name) else thread)


_THREAD_OF_RUN: Final = "SELECT thread FROM hitl_runs WHERE id = ? FOR UPDATE"


def _said(link: PostgresLink, origin: str, command: c.KeepSaid) -> None:
    """Two runs of a thread may have a message under one id."""
    (thread,) = link.execute(_THREAD_OF_RUN, (column(command.run_id),)).fetchone() or (b"",)
    _saying(link, origin, thread)


def _saying(link: PostgresLink, origin: str, thread: bytes) -> None:
    link.execute(_ADVISORY, (number(origin, "said", bytes(thread).hex()),))


def _begun(link: PostgresLink, origin: str, command: c.BeginEffect) -> None:
    run = link.execute(_RUN, (column(command.lease.run_id),))
    link.ahead(FIND, (column(command.lease.run_id),))
    (more,) = run.fetchone() or (None,)
    undoes = None if more is None else json.loads(more).get("undoes")
    counted = (each.tally.question for each in command.counted)
    names = {("past", each.series, each.key) for each in counted} | ({("undo", undoes)} if undoes else set())
    for each in sorted(number(origin, *name) for name in names):
        link.execute(_ADVISORY, (each,))


def _performed(link: PostgresLink, origin: str, command: c.PerformEffect) -> None:
    _begun(link, origin, command.begin)


_BESIDE: Final = {
    c.OpenRun: _opened,
    c.ClaimRuns: _nothing,  # it locks the runs that it finds, and passes over those that others have locked
    c.RenewLease: _leased,
    c.ReleaseRun: _leased,
    c.BeatWorker: _nothing,
    c.ForgetWorker: _nothing,
    c.ReopenRun: _run,
    c.PauseRun: _leased,
    c.FinishRun: _leased,
    c.RetryRun: _run,
    c.CancelRun: _run,
    c.OverrideOutput: _run,
    c.RecordResponse: _answered,
    c.AddVersion: _asked,
    c.MoveRequest: _asked,
    c.AddComment: _commented,
    c.DeferRequest: _asked,
    c.KeepSaid: _said,
    c.FireTimers: _fired,
    c.RecordRefusal: _leased,
    c.BeginEffect: _begun,
    c.EndEffect: _leased,
    c.PerformEffect: _performed,
    c.MoveEffect: _leased,
    c.Remember: _leased,
    c.GiveGuidance: _guided,
    c.TakeGuidance: _leased,
    c.GiveGrant: _nothing,
    c.RevokeGrant: _nothing,
    c.CompactRun: _run,
    c.PruneHistory: _nothing,
    c.WriteNote: _nothing,
    **dict.fromkeys((c.PutSlip, c.UseSlip, c.ChangeSlip, c.TakeSlips, c.DropSlips, c.PruneSlips), _nothing),
    c.KeepMessages: _nothing,
}

_ALONE: Final = (c.SetStop, c.LiftStop)
_ERASING: Final = (c.EraseRun, c.ErasePerson)

LOCKS: Final[Mapping[type[c.Command[Any]], Lock]] = {
    **{command: Lock(False, take) for command, take in _BESIDE.items()},
    **{command: Lock(True, _nothing) for command in _ALONE},
    **{command: Lock(True, _nothing, drains=True) for command in _ERASING},
}
"""Total over the commands; a test holds it."""

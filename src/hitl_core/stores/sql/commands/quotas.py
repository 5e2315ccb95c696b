"""How often an agent may ask people within a minute: counted in a row of its own, where a quota is set (PauseRun.most).

An agent is the outermost one that a call comes from, or the app if that names none, for each tenant.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from ....commands import PauseRun
from ....protocol import Kind, PauseRequest, instant, micros
from ..tables import RunRow, Transaction, requests

MINUTE: Final = 60_000_000
"""Microseconds."""


class Over(NamedTuple):
    """Why a pause is not stored, and when its run is tried again; None: never, as it would be no other then."""

    agent: str
    why: str
    until: int | None


class _Counted(NamedTuple):
    """What an agent has asked since its minute began, and how many pauses of it were held back and not let in yet."""

    since: int
    asked: int
    held: int

    def at(self, now: int, most: int) -> _Counted:
        """The same at this time: with the next minute, as many come in as may."""
        gone = (now - self.since) // MINUTE
        return self if gone < 1 else _Counted(now, 0, max(self.held - gone * most, 0))


# Whoever comes second waits for the first here, on either engine.
_LOCK: Final = """INSERT INTO hitl_quotas (who, since, asked, held) VALUES (?, ?, 0, 0)
    ON CONFLICT (who) DO UPDATE SET who = excluded.who"""
_READ: Final = "SELECT since, asked, held FROM hitl_quotas WHERE who = ?"
_WRITE: Final = "UPDATE hitl_quotas SET since = ?, asked = ?, held = ? WHERE who = ?"


def take(txn: Transaction, row: RunRow, command: PauseRun) -> Over | None:
    """Count what a pause asks anew; or say why it may not be asked now, and then nothing of it is counted."""
    wanted = Counter(_agent(row, request) for request in _new(txn, row, command.requests))
    most, now = command.most, micros(command.now)
    for agent, count in wanted.items():
        if count > most:
            return Over(agent, f"{agent!r} asks people {count} times at once; {_allowed(most)}", None)
    known = {agent: _counted(txn, row, agent, now).at(now, most) for agent in sorted(wanted)}
    for agent, found in known.items():
        if found.asked + wanted[agent] > most:
            return _hold(txn, row, agent, found, most)
    for agent, found in known.items():
        _keep(txn, row, agent, found._replace(asked=found.asked + wanted[agent]))
    return None


def _hold(txn: Transaction, row: RunRow, agent: str, found: _Counted, most: int) -> Over:
    """So many come in with each minute: that is when it is the turn of this one."""
    _keep(txn, row, agent, found._replace(held=found.held + 1))
    until = found.since + MINUTE * (1 + found.held // most)
    asked = f"{agent!r} has asked people {found.asked} times within a minute; {_allowed(most)}"
    return Over(agent, f"held back, nothing of it was asked: {asked}. It is tried again at {instant(until)}", until)


def _allowed(most: int) -> str:
    return f"its quota is {most} (`asked_a_minute` in [policy]): find out why it asks so much, or raise the quota"


def _new(txn: Transaction, row: RunRow, asked: Iterable[PauseRequest]) -> Iterable[PauseRequest]:
    """What people are to decide and were not asked before. What is in doubt is no wish of an agent: always asked."""
    for request in asked:
        if request.kind is not Kind.NOTICE and not request.in_doubt and requests.is_new(txn, row, request):
            yield request


def _agent(row: RunRow, request: PauseRequest) -> str:
    return (*request.action.origin.agents, row.app)[0]


def _who(row: RunRow, agent: str) -> str:
    return json.dumps([row.tenant, row.app, agent])


def _counted(txn: Transaction, row: RunRow, agent: str, now: int) -> _Counted:
    who = _who(row, agent)
    txn.execute(_LOCK, (who, now))
    return _Counted(*(txn.one(_READ, who) or (now, 0, 0)))


def _keep(txn: Transaction, row: RunRow, agent: str, counted: _Counted) -> None:
    txn.execute(_WRITE, (*counted, _who(row, agent)))

"""Votes: answers that need others beside them, counted under the write lock: two at once come one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ....checks import authorise
from ....commands import RecordResponse, Settled
from ....errors import Fault
from ....protocol import Json, PauseRequest, Response
from ....quorum import Standing, agreeing, agreements, asked_at, asked_now, standing, voices
from ..tables import GRANT, Transaction, column, grant_record, request_by_key, requests


@dataclass(frozen=True, slots=True)
class Count:
    """What one more vote comes to: how far people are with it, and how many votes were about something else.

    `voted`: this person has said the same before, in other words.
    """

    request: PauseRequest
    standing: Standing
    dropped: tuple[str, ...]
    voted: bool
    faults: tuple[Fault, ...] = ()

    def told(self, *, open: bool) -> dict[str, Json]:
        """What the audit trail says about it: under which policy, who has agreed, how many votes were dropped."""
        said: dict[str, Json] = {"vote": True} if open else {}
        said |= {"agreed": list(self.standing.voters), "version": self.request.because.version}
        return said | ({"dropped": len(self.dropped)} if self.dropped else {})


def counted(txn: Transaction, known: Settled, command: RecordResponse) -> Count:
    """Count an answer. Faults if its responder is not asked now, or has to be kept apart."""
    request, response = known.request, command.response
    votes = agreeing(request, known.votes, response)
    after = standing(asked_at(request, known.votes, command.now), (*votes, response))
    faults = [*not_asked(known, command), *_apart(txn, request, response)]
    voted = any(voices(vote.responder) & voices(response.responder) for vote in votes)
    dropped = () if votes else tuple(vote.responder.id for vote in agreements(known.votes))
    return Count(request, after, dropped, voted, tuple(faults))


def not_asked(known: Settled, command: RecordResponse) -> list[Fault]:
    """Why this responder may not give this answer, judged under the write lock."""
    request, response = known.request, command.response
    return authorise(request, response, asked_now(request, known.votes, response, command.now), known.votes)


_VOTE: Final = "FROM hitl_votes WHERE request = ? AND responder = ?"


def drop_votes(txn: Transaction, key: int, count: Count) -> None:
    """Votes for something else count no more. What they said stays in the trail, and nowhere else: no row would lead to
    it when somebody is erased."""
    gone = [(key, responder) for responder in count.dropped]
    txn.link.many(f"DELETE FROM hitl_bodies WHERE key = (SELECT body {_VOTE})", gone)  # noqa: S608
    txn.link.many(f"DELETE {_VOTE}", gone)
    if gone:
        txn.execute("UPDATE hitl_requests SET votes = votes - ? WHERE key = ?", (len(gone), key))


def keep_vote(txn: Transaction, key: int, responder: str, body: int, count: Count) -> None:
    """Keep a vote on a request that stays open; it stands in the inbox of those who are asked next."""
    txn.execute("INSERT INTO hitl_votes (request, responder, body) VALUES (?, ?, ?)", (key, responder, body))
    asked = count.standing.now
    assert asked is not None
    values = (requests.audience(txn, asked), key)
    txn.execute("UPDATE hitl_requests SET votes = votes + 1, audience = ? WHERE key = ?", values)


# ── separation of duties ─────────────────────────────────────────────────────────────────────────────────────

# A vote that waits for others beside it may let the call run later on.
_LET_RUN = """SELECT q.key FROM hitl_requests q JOIN hitl_origins o ON o.key = q.origin
    JOIN hitl_runs r ON r.key = q.run WHERE r.id = ? AND o.tool = ?
    AND (q.allows = 1 OR q.votes > 0 AND q.state IN ('open', 'frozen'))"""

# Whoever gave a grant has let run what has begun under it.
_GRANTED = f"""{GRANT} WHERE g.tool = ? AND g.key IN (SELECT u.grant_key FROM hitl_grant_uses u
    JOIN hitl_effects e ON e.key = u.effect JOIN hitl_runs r ON r.key = e.run WHERE r.id = ?)"""  # noqa: S608


def _apart(txn: Transaction, request: PauseRequest, response: Response) -> list[Fault]:
    """Whoever let a call of one of these tools run, in this run, does not let this one run."""
    return [
        Fault(
            "responder",
            f"{response.responder.id!r} let {tool!r} run, or voted for it; somebody else has to decide about this call",
        )
        for tool in request.approvers.separate_from
        if voices(response.responder) & _who_let_run(txn, request.run_id, tool)
    ]


def _who_let_run(txn: Transaction, run: str, tool: str) -> set[str]:
    rows = txn.execute(_LET_RUN, (column(run), tool)).fetchall()
    found = [request_by_key(txn, row[0]) for row in rows]
    said = (each for one in found for each in (*agreements(one.votes), *([one.response] if one.response else [])))
    granted = txn.execute(_GRANTED, (tool, column(run))).fetchall()
    people = (*(each.responder for each in said), *(grant_record(row).by for row in granted))
    return {voice for each in people for voice in voices(each)}

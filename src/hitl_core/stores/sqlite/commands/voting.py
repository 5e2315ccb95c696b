"""Votes: answers that need others beside them, counted under the write lock: two at once come one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from ....checks import authorise
from ....commands import RecordResponse, Settled
from ....errors import Fault
from ....protocol import Json, PauseRequest, Response
from ....quorum import Standing, agreeing, asked_at, asked_now, standing
from ..tables import Transaction, column, request_by_key, requests


@dataclass(frozen=True, slots=True)
class Count:
    """What one more vote comes to: how far people are with it, and how many votes were about something else.

    `voted`: this person has said the same before, in other words.
    """

    request: PauseRequest
    standing: Standing
    dropped: int
    voted: bool
    faults: tuple[Fault, ...] = ()

    def told(self, *, open: bool) -> dict[str, Json]:
        """What the audit trail says about it: under which policy, who has agreed, how many votes were dropped."""
        said: dict[str, Json] = {"vote": True} if open else {}
        said |= {"agreed": list(self.standing.voters), "version": self.request.because.version}
        return said | ({"dropped": self.dropped} if self.dropped else {})


def counted(txn: Transaction, known: Settled, command: RecordResponse) -> Count:
    """Count an answer. Faults if its responder is not asked now, or has to be kept apart."""
    request, response = known.request, command.response
    votes = agreeing(request, known.votes, response)
    after = standing(asked_at(request, command.now), (*votes, response))
    faults = authorise(request, response, asked_now(request, known.votes, response, command.now))
    faults += _apart(txn, request, response)
    voted = any(vote.responder.id == response.responder.id for vote in votes)
    return Count(request, after, len(known.votes) - len(votes), voted, tuple(faults))


def drop_votes(txn: Transaction, key: int, count: Count) -> None:
    """Votes for something else count no more. What they said stays in the trail."""
    if count.dropped:
        txn.execute("DELETE FROM hitl_votes WHERE request = ?", (key,))
        txn.execute("UPDATE hitl_requests SET votes = 0 WHERE key = ?", (key,))


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


def _apart(txn: Transaction, request: PauseRequest, response: Response) -> list[Fault]:
    """Whoever let a call of one of these tools run, in this run, does not let this one run."""
    return [
        Fault(
            "responder",
            f"{response.responder.id!r} let {tool!r} run, or voted for it; somebody else has to decide about this call",
        )
        for tool in request.approvers.separate_from
        if response.responder.id in _who_let_run(txn, request.run_id, tool)
    ]


def _who_let_run(txn: Transaction, run: str, tool: str) -> set[str]:
    rows = txn.execute(_LET_RUN, (column(run), tool)).fetchall()
    found = [request_by_key(txn, row[0]) for row in rows]
    return {each.responder.id for one in found for each in (*one.votes, *([one.response] if one.response else []))}

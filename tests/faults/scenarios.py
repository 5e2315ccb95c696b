"""The 52 ways in which it can go wrong: what is done, and what is to come of it. Each has a number and a test.

    @scenario(12)
    async def test_…(place: Place) -> None: ...

`make faults` prints this table with the verdict on each; `make test` runs the same tests with smaller counts (`many`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

import pytest

FULL: Final = os.environ.get("HITL_FAULTS") == "all"
"""Whether this is the long form."""


def many(few: int, *, full: int) -> int:
    """How often: `few` in the short form, `full` in the long one."""
    return full if FULL else few


def scenario(number: int) -> pytest.MarkDecorator:
    """The mark of a test of this scenario. `pytest -m "scenario(number=12)"` runs those of one."""
    assert number in SCENARIOS, f"there is no scenario {number}"
    return pytest.mark.scenario(number=number)


@dataclass(frozen=True)
class Scenario:
    """What is done, and what must come of it."""

    number: int
    done: str
    expected: str


def _numbered(*pairs: tuple[str, str]) -> dict[int, Scenario]:
    return {number: Scenario(number, *pair) for number, pair in enumerate(pairs, 1)}


SCENARIOS: Final = _numbered(
    # ── killed ───────────────────────────────────────────────────────────────────────────────────────────────
    (
        "killed on either side of the pause's commit, the framework's own checkpoint being stored or not",
        "after the restart one request for the place, no orphan, nothing run",
    ),
    (
        "killed between the framework's checkpoint and the pause's commit, and nobody comes back",
        "the run is seen to be without a worker; whoever takes it over opens the pause",
    ),
    (
        "killed between the answer's commit and the reply; the client tries again with the same key",
        "the same result again, one decision, one line in the trail",
    ),
    (
        "killed between the answer and the claim",
        "another worker claims the run, by the doorbell or the scan",
    ),
    (
        "killed between the claim and the beginning of the effect",
        "claimed again under a higher fence when the lease ends; the effect happens once",
    ),
    (
        "killed after the effect's beginning, before or after the tool; a storm of kills over many runs",
        "transactional and idempotent: once; ledger: in doubt, and a person says; never twice",
    ),
    (
        "killed after the effect, before its outcome is stored",
        "as before; and no mode that repeats on the quiet can be chosen",
    ),
    (
        "whoever seals the trail is killed between the raw line and the seal",
        "the next one goes on: no gap, nothing sealed twice",
    ),
    (
        "killed during a migration of the schema, at each of its statements",
        "the old schema or the new one, never half of it; the next start finishes",
    ),
    (
        "the command that stops everything is killed, at each step",
        "the stop is in force or not, never in part; the exit status tells",
    ),
    (
        "a request with 50 MB of arguments in a process that has little memory",
        "refused by name before anything is stored; the process lives",
    ),
    # ── at the same time ─────────────────────────────────────────────────────────────────────────────────────
    (
        "several people answer the same request in the same millisecond",
        "one wins, the others are told who; no error to anybody",
    ),
    (
        "the same person sends twice: the same answer, and another one under the same key",
        "won, then the same again; another answer under that key is refused by name",
    ),
    (
        "an answer and the deadline in the same instant, in any order",
        "answered or expired, never both, never neither",
    ),
    (
        "an answer and the cancelling of its run at once",
        "one of them wins; an answer after it is refused, with the reason",
    ),
    (
        "several workers claim the same run; a graph of LangGraph under two workers",
        "one gets it; no effect happens twice",
    ),
    (
        "a worker is frozen for longer than its lease, and thaws",
        "all that it writes is refused by its fence; the effect as its mode says",
    ),
    (
        "several pauses in one run, answered in any order",
        "each answer reaches its own call",
    ),
    (
        "a pause in a sub-graph and one outside it, both open",
        "routed by id, never by position",
    ),
    (
        "eight processes write to one store",
        "nobody hears that it is locked; nobody waits without end",
    ),
    (
        "an answer before the run waits for it",
        "there is nothing to answer before the pause is stored, and what is answered after that is kept",
    ),
    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────
    (
        "the clock of one machine is an hour ahead or behind, or is set so",
        "no deadline fires early for others, no lease is lost to the jump, nothing runs twice",
    ),
    (
        "an answer a millisecond after the deadline",
        "refused as expired, recorded as late, and the run does not go on with it",
    ),
    (
        "a hundred thousand deadlines at once",
        "each fires once, each escalation once; the inbox answers meanwhile",
    ),
    (
        "no worker runs when a deadline passes",
        "it fires late, but once; the trail has when it was due and when it fired",
    ),
    (
        "deadlines in any time zone, around the change of daylight saving",
        "kept as whole microseconds of UTC, to the same instant",
    ),
    # ── the database ─────────────────────────────────────────────────────────────────────────────────────────
    (
        "PostgreSQL is restarted at once while others listen",
        "they connect, listen and look again; no wake-up and no answer lost",
    ),
    (
        "a standby takes over that lacks the last commits",
        "said in the docs; the trail is found truncated against its anchor",
    ),
    (
        "the connection dies during COMMIT",
        "said to be unknown, never to have failed; the same answer again settles it",
    ),
    (
        "the disk is full, read-only or fails",
        "refused, nothing half; it works again when there is space",
    ),
    (
        "the power fails",
        "every acknowledged answer is there; without the flush it would not be, which the test shows",
    ),
    (
        "600 bits of the database flip",
        "99 of 100 that change what is read are reported; that row is set aside, the others go on",
    ),
    (
        "the write-ahead log or its index is deleted, or a copy lacks it",
        "found out against the anchor, or refused; the documented backup restores",
    ),
    (
        "a row is damaged or is no JSON",
        "that row is set aside and recorded; the inbox goes on without it",
    ),
    (
        "a pooler in transaction mode stands in between",
        "nobody can listen: found out, said, and looked for in intervals",
    ),
    (
        "a long transaction and a table full of dead rows",
        "a claim still finds its rows by the partial index",
    ),
    # ── versions ─────────────────────────────────────────────────────────────────────────────────────────────
    (
        "the process is upgraded between the pause and the resume",
        "what each release wrote is resumed; an unknown version can be read and is not run, and people are told",
    ),
    (
        "an older process meets a newer row",
        "it leaves it alone",
    ),
    (
        "a node of the graph is gone under an open pause",
        "refused by name; no other node runs",
    ),
    (
        "the policy changes while a request is open; an approver loses the role",
        "the stricter one counts; a new approval is asked for",
    ),
    (
        "the tool is another one after the approval",
        "the digest differs: refused",
    ),
    # ── security ─────────────────────────────────────────────────────────────────────────────────────────────
    (
        "links that are forged, changed, expired, for another request or another person",
        "refused alike, in the same time, and recorded; of 100,000 random ones none is taken",
    ),
    (
        "a link is used again; a mail scanner opens it ten times",
        "who answered is said, and nothing changes",
    ),
    (
        "a page of somebody else posts, with every trick",
        "refused",
    ),
    (
        "an agent answers its own request with its own credentials",
        "refused, recorded and told",
    ),
    (
        "texts that lie to the reader: hidden letters, terminal commands, look-alikes, pictures, HTML, false approvals",
        "the facts stand as they are, in the terminal and in the browser, with warnings",
    ),
    (
        "the arguments change between the approval and the run; equal-looking JSON",
        "another digest, or refused",
    ),
    (
        "oversized, deeply nested, wide and malformed payloads",
        "refused by name; the process lives",
    ),
    (
        "one agent opens 10,000 requests a minute",
        "held back by its quota; others wait no longer; nobody is paged 10,000 times",
    ),
    (
        "every role tries every request by its id, in every way",
        "only what is permitted works",
    ),
    # ── the stop and the trail ───────────────────────────────────────────────────────────────────────────────
    (
        "a stop among claims, answers, deadlines and effects",
        "nothing that is asked for after it begins before it is lifted; it works while the database is down",
    ),
    (
        "the trail is edited, cut, shortened, reordered, added to, rewritten, swapped, or an old copy put back",
        "each is reported with its place",
    ),
)

_UP_TO_26: Final[set[int]] = set()

_FROM_27: Final[set[int]] = set()

NOT_YET: Final = frozenset(_UP_TO_26 | _FROM_27)
"""Scenarios without a test. To be empty."""

WAITS: Final = {
    42: "the link itself, its token and its time in constant comparison: with the web inbox",
    43: "the page that a link opens: with the web inbox",
    44: "posting to the inbox, cookies, tokens and origins: with the web inbox",
    46: "the browser: with the web inbox",
    50: "the stream of events to a browser: with the web inbox",
}
"""What of a scenario is not there yet, and so not tried. Its tests are of the layers that there are."""

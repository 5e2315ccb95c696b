"""What a post reads of a transcript: what it needs, and the whole of it once, to see what the page has missed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hitl_core.commands import ListSaid
from hitl_core.stores.sqlite import SqliteStore
from tests.agui.page import AGENT
from tests.agui.test_conversation import at_desk

Reads = list[tuple[str, int]]
STATE = ("state", 0)
"""A look for the state of an app that has none: one row, found by its id."""
LONG = 12
"""Turns of a conversation; each has two messages."""


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """For each look at a transcript: what of it was asked for, and how many messages came."""
    found = Reads()
    fetch = SqliteStore.fetch

    async def counted(self: SqliteStore, query: Any) -> Any:
        answer = await fetch(self, query)
        if isinstance(query, ListSaid):
            of_one = "state" if (query.id or "").endswith(":state") else "one"
            found.append((of_one if query.id else "run" if query.run_id else "all", len(answer.items)))
        return answer

    monkeypatch.setattr(SqliteStore, "fetch", counted)
    return found


async def test_a_post_reads_no_more_of_a_transcript_than_it_needs(tmp_path: Path, reads: Reads) -> None:
    async with at_desk(tmp_path) as desk:
        for at in range(LONG):
            await desk.page.say(f"turn {at}")
        whole = 3 * LONG
        reads.clear()
        await desk.page.say("refund")
        assert reads == [("one", 0), ("all", whole), STATE, ("all", whole + 3), STATE]
        reads.clear()
        await desk.page.resolve({"approved": True})
        assert reads == [("run", 3), ("one", 1), ("all", whole + 5), STATE]
        reads.clear()
        await desk.page.post()  # nothing new
        assert reads == [("one", 1), ("all", whole + 5), STATE]


async def test_whoever_stops_or_looks_what_waits_reads_no_transcript(tmp_path: Path, reads: Reads) -> None:
    async with at_desk(tmp_path) as desk:
        await desk.page.say("refund")
        reads.clear()
        inside = f"/copilotkit/agent/{AGENT}"
        assert (await desk.page.client.post(f"{inside}/stop/thread-1", json={})).status_code == 200
        assert (await desk.page.client.get(f"{inside}/waiting")).status_code == 200
        assert reads == []

"""The bell: who is told that something counts has let other processes know, also one that dies of being told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from hitl_core.commands import SetStop, Stop, StopScope
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.server import Bell, bell, link
from hitl_core.testing.clock import START
from tests.core.stores.world import World

pytestmark = pytest.mark.postgres

SOON = 30.0
"""Seconds: what has been said is heard long before; what was not is waited for in vain."""


@pytest.fixture
def ear(url: str, store: PostgresStore) -> Iterator[psycopg.Connection[Any]]:
    """Another process, as far as the server can tell."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'LISTEN "{store.custody.origin}"')
        yield connection


def heard(ear: psycopg.Connection[Any], *, within: float = SOON) -> int:
    return len(list(ear.notifies(timeout=within, stop_after=1)))


async def test_who_is_told_that_an_answer_counts_has_told_the_others(
    store: PostgresStore, ear: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No thread of its own tells anybody, as in a process that is killed. Fails if one is left to do it."""
    monkeypatch.setattr(Bell, "_serve_others", lambda self: None)
    _, (request,) = await World(store).paused()
    while heard(ear, within=0.5):
        pass  # of the pause
    await World(store).answer(request.approve(by="ann"))
    assert heard(ear)


async def test_where_many_commits_follow_each_other_one_word_is_for_several(
    store: PostgresStore, ear: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of them is heard of, too."""
    monkeypatch.setattr(bell, "APART", 0.5)
    said, real = list[Any](), link.PostgresLink.end

    def end(self: Any, how: str, behind: Any = ()) -> None:
        said.append(behind)
        real(self, how, behind)

    monkeypatch.setattr(link.PostgresLink, "end", end)
    for number in range(3 * bell.FREE):
        await store.apply(SetStop(Stop(StopScope.TOOL, f"tool-{number}", "too fast", "boss", START)))
    at_once = sum(map(bool, said))
    assert bell.FREE <= at_once < 3 * bell.FREE
    words = 0
    while words <= at_once and (more := heard(ear)):
        words += more
    assert words > at_once, "the rest was not said"


async def test_what_lets_a_run_go_on_is_said_at_once_whatever_was_said_before(
    store: PostgresStore, ear: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails if an answer waits for the thread that says one word for several: it has nothing to do here."""
    monkeypatch.setattr(Bell, "_serve_others", lambda self: None)
    monkeypatch.setattr(bell, "APART", 1_000.0)
    _, (request,) = await World(store).paused()
    for number in range(2 * bell.FREE):
        await store.apply(SetStop(Stop(StopScope.TOOL, f"tool-{number}", "too fast", "boss", START)))
    while heard(ear, within=0.5):
        pass
    await World(store).answer(request.approve(by="ann"))
    assert heard(ear)


async def test_a_word_that_cannot_be_said_takes_nothing_back(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails if the command is tried again, or said to have failed: it was committed."""
    monkeypatch.setattr(link, "SAY", "SELECT pg_notify(%s, %s) FROM a_table_that_is_not_there")
    await store.apply(SetStop(Stop(StopScope.ALL, "", "too fast", "boss", START)))
    assert (await World(store).events()).count("stop.set") == 1
    await store.apply(SetStop(Stop(StopScope.TOOL, "refund", "too fast", "boss", START)))
    assert (await World(store).events()).count("stop.set") == 2


async def test_it_closes_also_in_the_moment_in_which_others_are_about_to_be_told(store: PostgresStore) -> None:
    """Fails if the thread that tells them looks whether it is to end before it forgets that something was due."""
    ringing = store._bell
    closing = threading.Thread(target=store.close_blocking, daemon=True)

    class Due(threading.Event):
        def clear(self) -> None:
            if not ringing._closing.is_set():
                closing.start()
                ringing._closing.wait()
                self.wait()
            super().clear()

    ringing._due = Due()
    ringing.ring(said=False)
    assert ringing._teller is not None
    ringing._teller.join(SOON)
    alive = ringing._teller.is_alive()
    ringing._due.set()  # so that nothing is left behind
    closing.join(SOON)
    assert not alive, "it waits for something to tell, for ever"

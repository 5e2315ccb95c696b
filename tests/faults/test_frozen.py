"""Scenario 17: a worker that stands still for longer than its lease, and goes on as if nothing had been."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hitl_core.protocol import AuditEntry, AuditEvent
from hitl_core.testing.processes import Order, Processes, name_of
from tests.faults import lives
from tests.faults.checker import Left, faults
from tests.faults.places import Place
from tests.faults.scenarios import scenario
from tests.faults.story import Story

pytestmark = pytest.mark.processes
LEASE = 0.6


def meanwhile(story: Story, work: Callable[..., Any], **how: Any) -> Order:
    """What another process does while the worker stands still; it lets it go on then."""
    return story.order(lives.while_frozen, does=name_of(work), **how)


CASES = [
    ("ledger", "before BeginEffect 1", 0),
    ("ledger", "after BeginEffect 1", 1),
    ("ledger", "before the tool", 1),
    ("ledger", "after the tool", 1),
    ("idempotent", "before BeginEffect 1", 0),
    ("idempotent", "before the tool", 0),
    ("idempotent", "before EndEffect 1", 0),
    ("transactional", "before PerformEffect 1", 0),
]


@scenario(17)
@pytest.mark.parametrize(("mode", "crash", "doubts"), CASES)
async def test_a_worker_stands_still_and_goes_on(
    place: Place, processes: Processes, mode: str, crash: str, doubts: int
) -> None:
    """Fails if `_FREE` or `_due` (stores/sql/commands/claims.py) leave out what runs under a lease that has ended."""
    story = Story(place, processes, mode)
    story.starts()
    story.does(lives.responds)
    slow = story.order(lives.freezes, crash=crash, lease=LEASE)
    ended = story.together(slow, meanwhile(story, lives.works, elsewhere=True))
    assert [(each.signal, each.error) for each in ended] == [(0, "")] * 2
    assert [each.result for each in ended] == ["LeaseLost", 1]
    story.ends()
    found = await story.look()
    assert len(found.ledger) == 1
    assert len(found.lines(AuditEvent.EFFECT_IN_DOUBT)) == doubts
    assert written_late(found) == []
    assert faults(found, over=True) == []


@scenario(17)
@pytest.mark.parametrize("crash", ["before BeginEffect 1", "before EndEffect 1", "after EndEffect 1"])
async def test_a_worker_goes_on_while_another_one_holds_its_run(place: Place, processes: Processes, crash: str) -> None:
    """Fails if `leased` (stores/sql/commands/runs.py) compares neither the owner nor the fence. That the fence
    alone tells two turns of one owner apart is tried in tests/core/stores/contract/test_effects.py."""
    story = Story(place, processes)
    story.starts()
    story.does(lives.responds)
    slow = story.order(lives.freezes, crash=crash, lease=LEASE)
    worked, held = story.together(slow, story.order(lives.holds))
    assert (worked.error, held.error) == ("", "")
    assert (worked.result, held.result) == ("LeaseLost", "paused" if crash.startswith("before End") else "completed")
    story.ends()
    found = await story.look()
    assert len(found.ledger) == 1
    assert written_late(found) == []
    assert faults(found, over=True) == []


def written_late(found: Left) -> list[AuditEntry]:
    """What the first worker has written after the second one had taken over."""
    first, second = found.lines(AuditEvent.RUN_CLAIMED)[:2]
    return [entry for entry in found.audit if entry.actor == first.actor and entry.seq > second.seq]


@scenario(17)
async def test_a_worker_stands_still_inside_a_transaction(place: Place, processes: Processes) -> None:
    """Fails on PostgreSQL if `_BEGIN` (its engine) does not limit how long a transaction may stand still: nobody could
    stop anything. A file's writer cannot be thrown out: it is said that it is held, and nothing was changed."""
    story = Story(place, processes, "transactional")
    story.starts()
    story.does(lives.responds)
    slow = story.order(lives.freezes, crash="after the tool", lease=60.0)
    worked, stopped = story.together(slow, meanwhile(story, lives.stops))
    assert (worked.error, stopped.error) == ("", "")
    if place.on_postgres:
        assert stopped.result == "in force"
        assert len((await story.look()).ledger) == 0
    else:
        assert stopped.result.startswith("StoreUnavailable: another process has held ")
        assert worked.result == "completed"
        assert len((await story.look()).ledger) == 1
    assert faults(await story.look()) == []

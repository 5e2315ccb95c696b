"""Scenarios 3 to 7: kill -9 from the answer to the outcome, in each mode of an effect, on both stores."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hitl_core.lifecycle import ActionState
from hitl_core.protocol import AuditEvent, EffectMode
from hitl_core.testing.processes import Processes
from hitl_core.tools import tool
from tests.faults import lives
from tests.faults.checker import faults
from tests.faults.diary import Diary
from tests.faults.lives import MODES
from tests.faults.meeting import meeting
from tests.faults.places import Place
from tests.faults.scenarios import many, scenario
from tests.faults.story import Story

pytestmark = pytest.mark.processes

SOON = 60.0
"""Seconds: who answers has to start first, and the machine may have other work."""

CALM = 32
"""So many runs are begun in a storm before all of them come to their end."""


# ── the answer ───────────────────────────────────────────────────────────────────────────────────────────────


@scenario(3)
@pytest.mark.parametrize("crash", ["before RecordResponse 1", "after RecordResponse 1"])
async def test_killed_before_the_reply_to_an_answer(place: Place, processes: Processes, crash: str) -> None:
    """Fails if `_replayed` (stores/sql/answers/decisions.py) returns None: the second try is told that it is late."""
    story = Story(place, processes)
    story.starts()
    (request,) = (await story.look()).requests
    given = {"request": request.request.id, "who": "ann", "key": "click-1"}
    story.dies(lives.again, crash, **given)
    assert story.does(lives.again, **given) == ("same" if crash.startswith("after") else "won")
    assert len((await story.look()).lines(AuditEvent.REQUEST_DECIDED)) == 1
    story.ends()
    assert faults(await story.look(), over=True) == []


@scenario(4)
@pytest.mark.parametrize(
    ("crash", "scan"),
    [("after RecordResponse 1", 2 * SOON), ("before the bell", 1.0)],
    ids=["by the bell", "by the scan"],
)
async def test_killed_before_anybody_claims_the_run(
    place: Place, processes: Processes, crash: str, scan: float
) -> None:
    """Fails if `Worker._rest` waits for ever, or if who dies of being told has woken nobody yet: the slow look finds
    that much later.
    """
    story = Story(place, processes)
    (run,) = story.starts()
    with meeting(place.folder, 2) as path:
        waiting = story.order(lives.waits_for_work, meeting=path, run=run, scan=scan)
        worked, answered = story.together(
            waiting, story.order(lives.answers_while_they_wait, meeting=path, crash=crash)
        )
    assert (answered.killed, worked.error) == (True, "")
    (said,) = Diary(place.folder / "moments.jsonl").lines
    assert worked.result - said["answered"] < SOON, "the worker was not woken"
    assert faults(await story.look(), over=True) == []


# ── the effect ───────────────────────────────────────────────────────────────────────────────────────────────


@scenario(5)
@pytest.mark.parametrize("crash", ["after ClaimRuns 1", "before BeginEffect 1"])
async def test_killed_between_the_claim_and_the_effect(place: Place, processes: Processes, crash: str) -> None:
    """Fails if `claimable` (stores/sql/commands/claims.py) takes what is leased, or if `LEASED` leaves the fence."""
    story = Story(place, processes)
    (run,) = story.starts()
    story.does(lives.responds)
    story.dies(lives.works, crash, lease=600.0)
    assert story.does(lives.looks_for_work, later=570.0) == 0, "taken before the lease has ended"
    assert story.does(lives.looks_for_work, later=610.0) == 1
    found = await story.look()
    (effect,) = found.effects[run]
    assert (effect.state, effect.fence, effect.attempts) == (ActionState.EXECUTED, 3, 1)
    assert faults(found, over=True) == []


PLACES = {
    "ledger": ["after BeginEffect 1", "before the tool", "after the tool", "before EndEffect 1", "after EndEffect 1"],
    "idempotent": ["after BeginEffect 1", "before the tool", "after the tool", "before EndEffect 1"],
    "transactional": ["before PerformEffect 1", "before the tool", "after the tool", "after PerformEffect 1"],
}
DOUBTFUL = {("ledger", crash) for crash in PLACES["ledger"][:-1]}


@scenario(6)
@pytest.mark.parametrize(("mode", "crash"), [(mode, crash) for mode in MODES for crash in PLACES[mode]])
async def test_killed_around_the_tool(place: Place, processes: Processes, mode: str, crash: str) -> None:
    """Fails if the gate takes what was executing for something to begin again, in mode `ledger` (gate/again.py)."""
    story = Story(place, processes, mode)
    story.starts()
    story.does(lives.responds)
    story.dies(lives.works, crash)
    story.ends()
    found = await story.look()
    assert len(found.lines(AuditEvent.EFFECT_IN_DOUBT)) == ((mode, crash) in DOUBTFUL)
    assert len(found.ledger) == 1
    assert faults(found, over=True) == []


@scenario(6)
@pytest.mark.parametrize("mode", MODES)
async def test_a_storm_of_kills(place: Place, processes: Processes, mode: str) -> None:
    """Fails where the test above fails, and if two workers can hold one run."""
    story, chance, kills, calmed = Story(place, processes, mode), random.Random(f"{mode} {place}"), 0, 1
    started, longest = story.starts(), 0.6 if place.on_postgres else 0.3
    while kills < many(8, full=250):
        if len(started) > CALM * calmed:  # what is left for the last process does not grow with the number of kills
            story.calms()
            calmed += 1
        started += story.does(lives.starts, runs=4)
        crew = [story.order(lives.works)] * 3 + [story.order(lives.responds, who=who) for who in ("ann", "bob")]
        ended = story.together(*[replace(each, kill_after=chance.uniform(0.03, longest)) for each in crew])
        assert all(each.error == "" for each in ended)
        kills += sum(each.killed for each in ended)
    story.calms()
    found = await story.look()
    assert sorted(run.id for run in found.runs) == sorted(started)
    assert len(found.ledger) == len(started)
    assert faults(found, over=True) == []


@scenario(7)
def test_no_mode_repeats_an_effect_on_the_quiet() -> None:
    """Fails if `tool` (hitl_core/tools.py) has another default than the ledger, or there is a fourth mode."""
    assert set(EffectMode) == set(MODES)

    @tool
    def pay(amount: float) -> str:
        """Pay."""
        return f"paid {amount}"

    assert pay.traits.mode is EffectMode.LEDGER


@scenario(7)
@pytest.mark.parametrize("said", [1, 2, 3], ids=["once", "twice", "three times"])
async def test_killed_after_the_effect_again_and_again(place: Place, processes: Processes, said: int) -> None:
    """Fails if an idempotent effect gets another key with each try: `Call.key` (hitl_core/tools.py)."""
    story = Story(place, processes, "idempotent")
    story.starts()
    story.does(lives.responds)
    for _ in range(said):
        story.dies(lives.works, "before EndEffect 1")
    story.does(lives.works)
    found = await story.look()
    ((effect,),) = found.effects.values()
    assert (effect.attempts, effect.state) == (said + 1, ActionState.EXECUTED)
    assert len(found.ledger) == 1
    assert faults(found, over=True) == []

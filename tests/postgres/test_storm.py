"""The plain adapter in a storm, and that a storm finds what it is there for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain.kit import Kit
from hitl_core.commands import Recorded, Settled
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Action, Because, Delegate, Kind, Level, PauseRequest, Reply, Response
from hitl_core.runtime import Runtime
from hitl_core.stores.sql.commands import permission
from hitl_core.testing.clock import START
from hitl_core.testing.conformance.broken import BROKEN
from hitl_core.testing.crew import Crew
from hitl_core.testing.processes import Ended, Order, name_of
from hitl_core.testing.pytest_plugin import StormSuite
from hitl_core.testing.storm import Evidence, Storm, acts, faults, ground, people, weather
from hitl_core.testing.storm import storm as blowing
from hitl_core.testing.storm.ground import Ground
from hitl_core.testing.storm.history import words_of
from hitl_core.testing.storm.storm import _Member as Member
from tests.postgres.server import a_large_server, restart

LONG = pytest.mark.skipif(os.environ.get("HITL_STORM") != "all", reason="takes many runs to be met: `make storm`")

pytestmark = [pytest.mark.postgres, pytest.mark.processes]


@pytest.fixture(scope="module")
def large_server() -> Iterator[str]:
    with a_large_server() as url:
        yield url


class TestPlainInAStorm(StormSuite):
    kit = Kit()

    @pytest.fixture(scope="class")
    @classmethod
    def hitl_store(cls, large_server: str) -> str:
        return large_server

    @pytest.fixture(scope="class")
    @classmethod
    def hitl_restart(cls, large_server: str) -> Callable[[], None]:
        return partial(restart, large_server)


# ── its teeth ────────────────────────────────────────────────────────────────────────────────────────────────


BROKEN_FOR_GOOD = pytest.MonkeyPatch()
"""In the parent of all processes, which ends with the storm."""


def broken(kit: str, breaks: str) -> None:
    """Break something, once."""
    BREAKS[breaks]()
    acts.get_warm(kit)


def slowly() -> None:
    """Tools take so long that many processes are killed in one."""
    BROKEN_FOR_GOOD.setattr(ground, "SLOWEST", 0.5)


def no_stop_is_looked_at() -> None:
    slowly()
    BROKEN_FOR_GOOD.setattr(permission, "of_action", lambda *given: ())


def answers_are_not_kept() -> None:
    """Who answers is told that it counts, though nothing was recorded."""
    true = Runtime.respond

    async def respond(self: Runtime, response: Response) -> Recorded:
        if isinstance(response.decision, Delegate) or hash(response.request_id) % 3:
            return await true(self, response)
        return Recorded(await self.request(response.request_id), (await self.runs(limit=1)).items[0].state)

    BROKEN_FOR_GOOD.setattr(Runtime, "respond", respond)


def people_guess() -> None:
    """Whoever is asked whether a call in doubt has happened does not look."""

    async def guesses(self: people.Person, request: Any) -> Response:
        made: Response = request.choose("not_happened", by="ann")
        return made

    slowly()
    BROKEN_FOR_GOOD.setattr(people.Person, "_truthfully", guesses)


BREAKS = {each.__name__: each for each in (slowly, no_stop_is_looked_at, answers_are_not_kept, people_guess)}


@pytest.mark.parametrize(
    ("breaks", "parts", "runs", "seen"),
    [
        ("slowly", "WorksWithoutALease", 3, "do not know that it began"),
        ("answers_are_not_kept", "", 5, "was told that"),
        pytest.param("slowly", "RunsAgainWhatIsInDoubt", 20, "outside a call of the gate, happened", marks=LONG),
        pytest.param("no_stop_is_looked_at", "", 24, "has begun under the stop of", marks=LONG),
        pytest.param("people_guess", "", 24, "happened 2 times", marks=LONG),
    ],
)
def test_what_is_broken_is_found(
    large_server: str, tmp_path: Path, breaks: str, parts: str, runs: int, seen: str
) -> None:
    """In the first storm, or in the next one."""
    found = (blown(large_server, tmp_path, breaks, parts, runs, seed) for seed in range(3))
    assert any(seen in "\n".join(faults) for faults in found)


def blown(server: str, folder: Path, breaks: str, parts: str, runs: int, seed: int) -> tuple[str, ...]:
    """What a storm finds in which only workers are hit. What its calm does not bring to an end is not waited for."""
    here = folder / str(seed)
    here.mkdir()
    storm = Storm(Kit(), here, server, 2.0, seed, every=0.7, runs=runs, whom={"worker": 1}, patience=60, calm=5)
    storm.parts = BROKEN[parts].place if parts else ""
    storm.warm, storm.arguments = name_of(broken), {"breaks": breaks}
    return storm.blow().faults


def test_of_two_edits_of_one_person_only_one_counts() -> None:
    """Both were told that they count: the same person, the same kind of answer, and not the same words."""
    action = Action(tool="pay", arguments={"amount": 1.0})
    asked = request_of(action)
    first, second = (asked.edit({"amount": amount}, by="ann") for amount in (2.0, 3.0))
    settled = Settled(asked, RequestState.CLOSED, first)
    told = [
        {"did": "answered", "request": asked.id, "by": "ann", "decision": "edit", "words": words_of(each)}
        for each in (first, second)
    ]
    left: dict[str, Any] = {"runs": (), "effects": {}, "audit": (), "findings": (), "ledger": (), "bookings": 0}
    for said, count in ((told[:1], 0), (told, 1)):
        assert len(faults(Evidence(requests={"run-1": (settled,)}, history=tuple(said), **left))) == count


def request_of(action: Action) -> PauseRequest:
    return PauseRequest(
        id="request-1",
        run_id="run-1",
        call="pay#1",
        kind=Kind.APPROVAL,
        level=Level.CONFIRM,
        title="Pay",
        action=action,
        digest=action.digest,
        allowed=(Reply.APPROVE, Reply.EDIT),
        because=Because(rule="pay", version="1", why="it is money"),
        created_at=START,
    )


# ── its weather, and its crew ────────────────────────────────────────────────────────────────────────────────


def test_a_seed_draws_the_same_gusts() -> None:
    drawn = [tuple(weather(7, seconds=60, every=1, server=True)) for _ in range(2)]
    assert drawn[0] == drawn[1] != tuple(weather(8, seconds=60, every=1, server=True))
    assert {each.kind for each in drawn[0]} == {"kill", "freeze", "server"}
    assert all(0 < each.at < 60 for each in drawn[0])


def test_a_server_that_is_left_alone_is_not_stopped() -> None:
    assert "server" not in {each.kind for each in weather(7, seconds=600, every=1, server=False)}


def get_warm() -> None:
    """Nothing to import."""


def waits(fails: bool = False) -> str:
    if fails:
        raise RuntimeError("it fails")
    signal.pause()
    return "told to end"


def rests(ground: dict[str, Any], name: str) -> str:
    return waits()


def leaves(ground: dict[str, Any], name: str) -> None:
    """Who starts runs has nothing to do in a calm."""


def test_who_ends_beside_a_starter_in_the_calm_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was killed in the last moment of the storm: else it is waited for until the patience ends."""
    monkeypatch.setattr(blowing, "ACTS", {"worker": rests, "starter": leaves})
    storm = a_calm_one(tmp_path, worker := Member("worker", 0), starter := Member("starter", 0))
    with Crew(name_of(get_warm)) as storm._crew:
        storm._begins(starter)
        ended = storm._crew._ended
        ended.put(ended.get(timeout=30))  # it is the first of the two
        storm._begins(worker)
        storm._crew.signal(worker.now, signal.SIGKILL)
        while ended.qsize() < 2:
            assert storm._crew._hears.is_alive()
        killed = worker.now
        assert storm._rests(starter)
        assert (worker.now > killed, storm._failures) == (True, [])


@pytest.mark.parametrize("begun", [False, True])
def test_who_is_told_to_end_before_it_could_hear_has_not_failed(tmp_path: Path, begun: bool) -> None:
    storm = a_calm_one(tmp_path, Member("worker", 0, now=7, lives=1))
    storm._ground.history.says("begins", name="worker-0-1" if begun else "worker-0-0")
    storm._ends(7, Ended(signal=signal.SIGTERM))
    assert (storm._members, bool(storm._failures)) == ([], begun)


def a_calm_one(folder: Path, *members: Member) -> Storm:
    """A storm that is over but for its crew."""
    storm = Storm(Kit(), folder, "", 0.0, seed=1, patience=30)
    storm._ground = Ground("", str(folder), "", {}, 1)
    storm._failures, storm._members = [], list(members)
    return storm


def test_a_crew_says_of_each_how_it_ended() -> None:
    with Crew(name_of(get_warm)) as crew:
        killed, told, failed = (crew.begin(Order.of(waits, fails=fails)) for fails in (False, False, True))
        ended = crew.ended(timeout=30)
        crew.signal(killed, signal.SIGKILL)
        while killed not in ended:
            ended |= crew.ended(timeout=30)
    assert ended[killed].killed
    assert ended[failed].error == "RuntimeError: it fails"
    assert told not in ended

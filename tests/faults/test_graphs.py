"""Scenarios 1, 2, 16, 18 and 19 on LangGraph, whose own checkpoints lie beside ours: sqlite beside sqlite, and both on
PostgreSQL."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hitl_core.testing.crashing import points
from hitl_core.testing.processes import Ended, Order, Processes
from tests.faults import graph_lives
from tests.faults.checker import faults, left
from tests.faults.meeting import meeting
from tests.faults.places import Place
from tests.faults.scenarios import FULL, many, scenario
from tests.langgraph import graphs
from tests.ledger import LEDGER, recorded

pytestmark = pytest.mark.processes
INPUT = {"order": "A"}
PREPARES, PAYS, NESTED, FAN_OUT = (
    f"{build.__module__}:{build.__name__}"
    for build in (graph_lives.prepares, graph_lives.pays, graph_lives.nested, graphs.fan_out)
)


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes(graph_lives.__name__) as processes:
        yield processes


class Graph:
    """One graph at a place, and the processes that come and go there."""

    def __init__(self, place: Place, processes: Processes, graph: str) -> None:
        self.place, self._processes, self._graph = place, processes, graph

    def does(self, work: Callable[..., Any], **how: Any) -> Any:
        ended = self.ended(work, **how)
        assert (ended.signal, ended.error) == (0, "")
        return ended.result

    def ended(self, work: Callable[..., Any], **how: Any) -> Ended:
        return self._processes.run(self.order(work, **how))

    def order(self, work: Callable[..., Any], **how: Any) -> Order:
        return Order.of(work, place=self.place.told, graph=self._graph, **how)


@pytest.fixture
def effects(place: Place, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What the nodes have done, in any process."""
    monkeypatch.setenv(LEDGER, str(place.folder / "nodes.jsonl"))
    return lambda: [each["effect"] for each in recorded()]


# ── around the pause ─────────────────────────────────────────────────────────────────────────────────────────


def places(graph: Graph) -> list[str]:
    """Where a process can die between its start and its pause: at our commands, and at the saver's writes."""
    took = graph.does(graph_lives.rehearses, input=INPUT)
    ours = [str(point) for point in points(took["commands"])]
    writes = Counter(took["saved"])
    theirs = [
        f"{when} {name} {n + 1}" for name, times in writes.items() for n in range(times) for when in ("before", "after")
    ]
    last = [f"{when} {name} {writes[name]}" for name in writes for when in ("before", "after")]
    return [*ours, *theirs] if FULL else [*ours[-2:], *last]


@scenario(1)
async def test_killed_around_the_pause_and_the_frameworks_checkpoint(
    place: Place, processes: Processes, effects: Callable[[], list[str]]
) -> None:
    """Fails if a turn that never paused is begun from its input again, though the checkpointer has more of it
    (suspend/resume.py, `first_step`)."""
    graph = Graph(place, processes, PREPARES)
    where = places(graph)
    assert {"before PauseRun 1", "after PauseRun 1"} <= set(where)
    assert any("aput_writes" in each for each in where)
    graph.does(graph_lives.ends)
    for number, crash in enumerate(where, 1):
        drafted = effects().count("drafted")
        assert graph.ended(graph_lives.starts, inputs=[INPUT], crash=crash).killed, crash
        if crash.startswith("before OpenRun"):
            assert graph.does(graph_lives.ends) == []
            graph.does(graph_lives.starts, inputs=[INPUT])
        asked = graph.does(graph_lives.ends)
        cut_off = [["cut off", 2 * number]] * (len(asked) - 1)
        assert asked == [*cut_off, ["Pay?", 2 * number]], f"{crash}: asked once, and nothing was paid before that"
        assert len(cut_off) <= (crash != "after PauseRun 1"), crash
        assert effects().count("drafted") - drafted <= 1 + len(cut_off), f"{crash}: drafted again, and nobody was asked"
        assert [each for each in effects() if each != "drafted"] == ["paid", "told"] * (number + 1), crash
    assert faults(await left(place), over=True) == []


@scenario(2)
async def test_killed_before_the_pause_is_stored_and_nobody_comes_back(
    place: Place, processes: Processes, effects: Callable[[], list[str]]
) -> None:
    """Fails if `claim` (stores/sql/commands) takes only what is ready, and not what a dead worker has left running."""
    graph = Graph(place, processes, PAYS)
    assert graph.ended(graph_lives.starts, inputs=[INPUT], crash="before PauseRun 1", lease=0.5).killed
    (run,) = (found := await left(place)).runs
    assert (run.state.value, found.requests) == ("running", ())
    assert graph.does(graph_lives.takes_over) == ["running"]
    assert effects() == []
    (run,) = (await left(place)).runs
    assert (run.state.value, len(run.pending)) == ("paused", 1)
    assert [title for title, _ in graph.does(graph_lives.ends)][-1] == "Pay?"
    assert effects() == ["paid", "told"]
    assert faults(await left(place), over=True) == []


# ── several ──────────────────────────────────────────────────────────────────────────────────────────────────


@scenario(16)
async def test_two_processes_answer_and_resume_the_same_run(
    place: Place, processes: Processes, effects: Callable[[], list[str]]
) -> None:
    """Fails if the adapter resumes without a claim: raw LangGraph runs the node twice (langgraph/test_races.py)."""
    graph = Graph(place, processes, PAYS)
    runs = graph.does(graph_lives.starts, inputs=[{"order": str(n)} for n in range(many(5, full=100))])
    with meeting(place.folder, 2) as path:
        both = [
            graph.order(graph_lives.answers_and_resumes, runs=runs, who=who, meeting=path) for who in ("ann", "bob")
        ]
        ended = processes.together(*both)
    assert [each.error for each in ended] == ["", ""]
    assert sum(each.result for each in ended) == len(runs)
    graph.does(graph_lives.ends)
    assert Counter(each["order"] for each in recorded() if each["effect"] == "paid") == dict.fromkeys(
        map(str, range(len(runs))), 1
    )
    assert faults(await left(place), over=True) == []


ORDERS = list(itertools.permutations("ABC"))


@scenario(18)
@pytest.mark.parametrize("order", ORDERS if FULL else ORDERS[3:4], ids="".join)
async def test_pauses_side_by_side_are_answered_in_any_order(
    place: Place, processes: Processes, effects: Callable[[], list[str]], order: tuple[str, ...]
) -> None:
    """Fails if the adapter resumes with a bare value, or by the number of the pause."""
    graph = Graph(place, processes, FAN_OUT)
    graph.does(graph_lives.starts, inputs=[{"orders": ["A", "B", "C"]}])
    for name in order:
        decision = "reject" if name == "B" else "approve"
        state, output = graph.does(graph_lives.says, name=f"Pay back {name}?", decision=decision)
    assert (state, output["out"]) == ("completed", ["A", "C"])
    assert sorted(each["order"] for each in recorded() if each["effect"] == "paid") == ["A", "C"]
    assert faults(await left(place), over=True) == []


@scenario(19)
@pytest.mark.parametrize("order", [("inner", "outside"), ("outside", "inner")], ids="then".join)
@pytest.mark.parametrize("yes", ["inner", "outside"] if FULL else ["inner"])
async def test_a_pause_in_a_sub_graph_and_one_beside_it(
    place: Place, processes: Processes, effects: Callable[[], list[str]], order: tuple[str, ...], yes: str
) -> None:
    """Fails if two questions with the same words are told apart by their place in a list."""
    graph = Graph(place, processes, NESTED)
    graph.does(graph_lives.starts, inputs=[INPUT])
    for name in order:
        decision = "approve" if name == yes else "reject"
        state, _ = graph.does(graph_lives.says, name=name, decision=decision)
    assert state == "completed"
    assert effects() == [f"paid {'inside' if yes == 'inner' else 'outside'}", "told"]
    assert faults(await left(place), over=True) == []

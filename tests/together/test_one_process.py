"""Four frameworks in one process: each plays its story, and none of them gates, hears or stops what is another's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from hitl_core.commands import StopScope
from hitl_core.config.registry import ADAPTERS, known, load
from hitl_core.protocol import Run, RunState
from hitl_core.testing.conformance import Scene, World, find_kit
from hitl_core.testing.conformance.scenes import ask, note, pay
from hitl_core.testing.conformance.suite import fresh_folder
from hitl_core.testing.conformance.world import free, only

BACKENDS = ("langgraph", "crewai", "autogen", "openai_agents")
PACKAGES = ("langgraph", "crewai", "autogen_agentchat", "agents")
STORY = Scene.of(note("looks into it"), ask(), pay("A-1042", 40.5))


@asynccontextmanager
async def worlds(*names: str) -> AsyncIterator[dict[str, World]]:
    """A world for each backend, all of them in this process and on this event loop."""
    async with AsyncExitStack() as stack:
        made = {}
        for name in names:
            folder: Path = stack.enter_context(fresh_folder())
            made[name] = World(find_kit(name), folder)
            stack.push_async_callback(made[name].close)
            made[name].rules(free("note"))
        yield made


async def every(worlds: dict[str, World], scene: Scene) -> dict[str, Run]:
    """Start a run in each world, all of them at once."""
    started = await asyncio.gather(*[world.start(scene) for world in worlds.values()])
    return dict(zip(worlds, started, strict=True))


async def decided(worlds: dict[str, World], runs: dict[str, Run], decision: str, *fields: str) -> dict[str, Run]:
    """Answer the one request of each run, all of them at once."""
    ended = await asyncio.gather(*[worlds[name].decide(run, decision, *fields) for name, run in runs.items()])
    return dict(zip(runs, ended, strict=True))


def happened(world: World) -> list[str]:
    return [line["tool"] for line in world.stage.happened()]


def test_every_adapter_is_imported_into_this_process() -> None:
    assert {*BACKENDS, "plain"} == set(known(ADAPTERS))
    assert [getattr(load(ADAPTERS, name), "name", None) for name in BACKENDS] == [*BACKENDS]
    assert set(PACKAGES) <= sys.modules.keys()


@pytest.mark.parametrize("name", BACKENDS)
async def test_a_story_is_played_on_each(name: str) -> None:
    """One after another: what the one before has left in the process does not show."""
    async with worlds(name) as only_one:
        runs = await every(only_one, STORY)
        assert only(runs[name]).action.tool == "ask"
        runs = await decided(only_one, runs, "answer", "it broke")
        assert only(runs[name]).action.arguments == {"order": "A-1042", "amount": 40.5}
        runs = await decided(only_one, runs, "approve")
        world = only_one[name]
        assert (runs[name].state, happened(world)) == (RunState.COMPLETED, ["note", "pay"])
        assert "it broke" in world.heard()
        assert world.stage.repeated_thoughts() == 0


async def test_the_story_is_played_on_all_at_once() -> None:
    async with worlds(*BACKENDS) as all_four:
        runs = await every(all_four, STORY)
        assert [happened(world) for world in all_four.values()] == [["note"]] * 4
        runs = await decided(all_four, runs, "answer", "it broke")
        assert [happened(world) for world in all_four.values()] == [["note"]] * 4
        runs = await decided(all_four, runs, "approve")
        assert {name: run.state for name, run in runs.items()} == dict.fromkeys(BACKENDS, RunState.COMPLETED)
        assert [happened(world) for world in all_four.values()] == [["note", "pay"]] * 4


@pytest.mark.parametrize("other", ["langgraph", "autogen", "openai_agents"])
async def test_what_is_gated_in_crewai_is_not_gated_elsewhere(other: str) -> None:
    """CrewAI's hooks are global; a call of another framework is asked by its own world's policy, and once."""
    async with worlds("crewai", other) as both:
        both[other].rules(free())
        runs = await every(both, Scene.of(pay()))
        assert {name: run.state for name, run in runs.items()} == {
            "crewai": RunState.PAUSED,
            other: RunState.COMPLETED,
        }
        assert (both["crewai"].paid(), both[other].paid()) == ([], [40.5])
        asked = {name: [entry.event for entry in await world.trail("request.opened")] for name, world in both.items()}
        assert {name: len(events) for name, events in asked.items()} == {"crewai": 1, other: 0}
        await both["crewai"].decide(runs["crewai"], "reject", "not this one")
        assert (both["crewai"].paid(), both[other].paid()) == ([], [40.5])


@pytest.mark.parametrize("other", ["langgraph", "autogen", "openai_agents"])
async def test_what_is_free_in_crewai_is_gated_elsewhere(other: str) -> None:
    async with worlds("crewai", other) as both:
        both["crewai"].rules(free())
        runs = await every(both, Scene.of(pay()))
        assert {name: run.state for name, run in runs.items()} == {
            "crewai": RunState.COMPLETED,
            other: RunState.PAUSED,
        }
        assert (both["crewai"].paid(), both[other].paid()) == ([40.5], [])
        run = await both[other].decide(runs[other], "approve")
        assert (run.state, both[other].paid(), both["crewai"].paid()) == (RunState.COMPLETED, [40.5], [40.5])


@pytest.mark.parametrize("stopped", BACKENDS)
async def test_a_stop_holds_back_one_and_no_other(stopped: str) -> None:
    async with worlds(*BACKENDS) as all_four:
        runs = await every(all_four, Scene.of(pay()))
        for name, run in runs.items():
            await all_four[name].say(only(run), "approve")
        await (await all_four[stopped].hitl()).stop(StopScope.TOOL, "pay", by="bob", reason="audit")
        others = [name for name in BACKENDS if name != stopped]
        ended = await asyncio.gather(*[all_four[name].resume(runs[name]) for name in [stopped, *others]])
        assert [run.state for run in ended] == [RunState.STOPPED, *[RunState.COMPLETED] * 3]
        assert [all_four[name].paid() for name in [stopped, *others]] == [[], [40.5], [40.5], [40.5]]

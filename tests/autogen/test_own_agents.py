"""Agents of the app's own: warned about when the app is attached; what they hold to act with is gated, or refused."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from autogen_agentchat.agents import BaseChatAgent, SocietyOfMindAgent
from autogen_agentchat.base import Response, TaskResult, Team
from autogen_agentchat.messages import BaseChatMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken
from autogen_core.tools import FunctionTool, StaticWorkbench

from hitl_core.cli.app import run as hitl
from hitl_core.commands import StopScope
from hitl_core.errors import AppRefused
from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Script, ScriptedModel

from .desk import Desk, approve, editing, recorded, reject
from .teams import Stranger, assistant, cast_of, client, user
from .test_code import Shell
from .test_teams import look_up, refund, tool_call

Made = Callable[..., Desk]
Plays = Callable[[Script], ScriptedModel]

SAFE = {"safe_agents": ["keeper"]}


class Keeper(BaseChatAgent):
    """An agent of somebody's own that holds something, and acts with it in a way of its own."""

    def __init__(self, **held: Any) -> None:
        super().__init__("keeper", "holds something")
        vars(self).update(held)

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        said = "; ".join([part async for part in self._acts(cancellation_token)])
        return Response(chat_message=TextMessage(content=said, source=self.name))

    async def _acts(self, token: CancellationToken) -> AsyncGenerator[str, None]:
        """One call after the other, and whatever they raise is caught, as people write it."""
        bench: Any = getattr(self, "benches", [None])[0]
        for order in ("A", "B") if bench is not None else ():
            try:
                result = await bench.call_tool("refund", {"order": order, "amount": 1}, token)
                yield result.to_text()
            except Exception as exc:
                yield f"caught {exc}"
        inner: Any = getattr(self, "inner", None)
        if inner is not None:
            yield (await inner.run(task="go", cancellation_token=token)).messages[-1].to_text()

    async def on_reset(self, cancellation_token: CancellationToken) -> None: ...


def bench() -> StaticWorkbench:
    return StaticWorkbench([FunctionTool(refund, "Pay back."), FunctionTool(look_up, "Look at an order.")])


def holding(**made: Callable[[], Any]) -> Callable[[], RoundRobinGroupChat]:
    return lambda: RoundRobinGroupChat([Keeper(**{name: make() for name, make in made.items()})], max_turns=1)


@pytest.mark.parametrize(
    ("made", "place", "told"),
    [
        ({"benches": lambda: [bench()]}, "keeper.benches", "holds a StaticWorkbench"),
        ({"_workbench": bench}, "keeper._workbench", "holds a StaticWorkbench"),
        (
            {"_by_name": lambda: {"refund": FunctionTool(refund, "Pay back.")}},
            "keeper._by_name",
            "holds a FunctionTool",
        ),
        ({"_tools": lambda: [refund]}, "keeper._tools", "holds a function"),
        ({"shell": Shell}, "keeper.shell", "holds a Shell"),
        ({"inner": Stranger}, "keeper.inner", "holds a Stranger"),
    ],
    ids=["workbenches", "workbench", "tool", "function", "executor", "agent"],
)
async def test_what_such_an_agent_holds_is_refused_with_the_next_step(
    desk: Made, made: Any, place: str, told: str
) -> None:
    with pytest.raises(AppRefused) as refusal:
        await desk(holding(**made)).start("go")
    assert place in str(refusal.value)
    assert told in str(refusal.value)
    assert 'safe_agents = ["keeper"]' in str(refusal.value)
    assert recorded() == []


@pytest.mark.parametrize("made", [{"_tools": lambda: [FunctionTool(refund, "Pay back.")]}, {"shell": Shell}])
async def test_what_cannot_be_gated_is_refused_of_safe_agents_too(desk: Made, made: Any) -> None:
    with pytest.raises(AppRefused, match="hold it in a StaticWorkbench"):
        await desk(holding(**made), options=SAFE).start("go")


async def test_a_safe_agents_workbench_is_gated_call_by_call(desk: Made) -> None:
    at = desk(holding(benches=lambda: [bench()]), options=SAFE)
    run = await at.start("go")
    assert [(each.action.arguments["order"], each.action.origin.agent) for each in run.pending] == [("A", "keeper")]
    run = await at.answer(run, editing(amount=7.5))
    assert [each.action.arguments["order"] for each in run.pending] == ["B"]
    run = await at.answer(run, reject)
    assert run.state is RunState.COMPLETED
    assert recorded() == [{"effect": "refund", "order": "A", "amount": 7.5}]
    assert isinstance(run.output, dict)
    assert "paid 7.5 for A" in str(run.output["answer"])
    assert "too risky" in str(run.output["answer"])


async def test_a_stop_reaches_its_calls(desk: Made) -> None:
    at = desk(holding(benches=lambda: [bench()]), options=SAFE)
    run = await at.start("go")
    await at.say(approve(run.pending[0]))
    async with at.open() as hitl:
        await hitl.stop(StopScope.TOOL, "refund", by="ann", reason="wrong accounts")
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.STOPPED, [])


@pytest.mark.parametrize("team", [False, True])
async def test_an_agent_inside_a_safe_agent_is_gated(desk: Made, plays: Plays, team: bool) -> None:
    model = plays(cast_of(clerk=[tool_call("refund", order="A", amount=5), "paid A"]))

    def inner() -> Any:
        clerk = assistant(model, "clerk", tools=[refund], max_tool_iterations=3)
        return RoundRobinGroupChat([clerk], name="inside", max_turns=1) if team else clerk

    at = desk(holding(inner=inner), options=SAFE)
    run = await at.start("go")
    assert [each.action.origin.path[0] for each in run.pending] == ["keeper"]
    run = await at.answer(run, approve)
    assert (run.state, at.effects, len(model.calls)) == (RunState.COMPLETED, ["refund"], 2)


class Crowd(Team):
    """A team of somebody's own."""

    name, description = "crowd", "many"

    def run_stream(self, **how: Any) -> AsyncGenerator[Any, None]:
        raise AssertionError("it ran")

    async def run(self, **how: Any) -> TaskResult:
        raise AssertionError("it ran")

    async def reset(self) -> None: ...
    async def pause(self) -> None: ...
    async def resume(self) -> None: ...
    async def save_state(self) -> dict[str, Any]:
        return {}

    async def load_state(self, state: Any) -> None: ...


async def test_a_team_of_the_apps_own_cannot_be_held(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(voice=["summed up"]))
    with pytest.raises(AppRefused, match="society: a Crowd works here, which is neither"):
        await desk(lambda: SocietyOfMindAgent("society", Crowd(), client(model, "voice"))).start("go")
    with pytest.raises(AppRefused, match="crowd: a Crowd works here, which is neither"):
        await desk(holding(inner=Crowd), options=SAFE).start("go")


# ── what people are told ─────────────────────────────────────────────────────────────────────────────────────


async def test_it_is_said_when_the_app_is_attached(desk: Made) -> None:
    async with desk(lambda: RoundRobinGroupChat([Stranger(), user()], max_turns=1)).open() as hitl:
        (found,) = [each for each in await hitl.attach() if each.ungated]
    assert (found.level, found.place) == ("warn", "RoundRobinGroupChat/stranger")
    assert "Stranger is no agent of AutoGen's own: what it does by itself is not gated" in found.message


def build() -> RoundRobinGroupChat:
    """What the configuration of the next test names."""
    return RoundRobinGroupChat([Stranger()], max_turns=1)


def test_doctor_names_it_and_so_does_each_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "hitl.toml"
    config.write_text(f'[backend]\nname = "autogen"\napp = "{__name__}:build"\n[store]\nurl = "sqlite:///hitl.db"\n')
    hitl(["--config", str(config), "doctor", "--json"])
    (found,) = json.loads(capsys.readouterr().out)["app"]["ungated"]
    assert (found["level"], found["place"]) == ("warn", "RoundRobinGroupChat/stranger")
    hitl(["--config", str(config), "run", "--input", '"go"'])
    assert "warning: RoundRobinGroupChat/stranger: Stranger is no agent" in capsys.readouterr().err

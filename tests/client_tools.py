"""What every backend does with the tools that a run was started with; each one's `test_client_tools.py` tells it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hitl_core import AgentSpec, ClientTool, ModelSpec, tool
from hitl_core.errors import AppChanged, ToolsRefused
from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Call, Conversation, Script, ScriptedModel, Step
from tests.desk import Desk
from tests.ledger import LEDGER, record, recorded
from tests.people import answering

PLACE: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "at": {"type": "array", "items": {"type": "number"}, "minItems": 2}},
    "required": ["name", "at"],
    "additionalProperties": False,
}
MAP = ClientTool(
    name="show-Map",
    description="Show a map, and say where the user taps.",
    parameters={
        "$defs": {"Place": PLACE},
        "type": "object",
        "properties": {"around": {"$ref": "#/$defs/Place"}, "zoom": {"type": "integer", "description": "1 to 20"}},
        "required": ["around", "zoom"],
        "additionalProperties": False,
    },
)
SHOP: dict[str, Any] = {"around": {"name": "the shop", "at": [54.5, 9.25]}, "zoom": 3}
HOUSE: dict[str, Any] = {"around": {"name": "the house", "at": [54.5, 9.5]}, "zoom": 4}
TASK: dict[str, Any] = {"task": "look for it"}

Play = Callable[..., ScriptedModel]


@tool
def look_up(order: str) -> str:
    """Look at an order."""
    record("look_up", order=order)
    return "seen"


@tool(name="show-Map")
def show_map(zoom: int = 1) -> str:
    """A tool of a changed app, with the name of the page's."""
    record("show_map")
    return "shown"


class ClientTools:
    """For a class of tests that says its `backend`."""

    backend: ClassVar[str]
    called: ClassVar[str] = MAP.name
    """The name of the tool as the framework tells the model."""

    @pytest.fixture(autouse=True)
    def _environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "test")
        monkeypatch.setenv(LEDGER, str(tmp_path / "ledger.jsonl"))

    @pytest.fixture
    def play(self, tmp_path: Path) -> Iterator[Play]:
        """`play(step, …)`: a model that says this."""
        with ExitStack() as stack:

            def played(*steps: Step, helper: tuple[Step, ...] = ()) -> ScriptedModel:
                apart = (Conversation(name="helper", system="You help.", steps=helper),) if helper else ()
                script = Script(conversations=apart, steps=(*steps, Step(say="done")))
                log = tmp_path / "calls.jsonl"
                return stack.enter_context(ScriptedModel(script, log=log, log_bodies=True))

            yield played

    def shows(self, *each: dict[str, Any]) -> Step:
        return Step(call=tuple(Call(name=self.called, arguments=arguments) for arguments in each))

    def desk(self, model: ScriptedModel, folder: Path, *tools: Any, **more: Any) -> Desk:
        where = ModelSpec("m", model.base_url)
        helpers = tuple(AgentSpec(name, "You help.", (), where, description="Helps") for name in more.pop("agents", ()))
        options = {"checkpointer": f"sqlite:///{folder / 'threads.db'}"} if self.backend == "langgraph" else {}
        made = type("Desk", (Desk,), {"backend": self.backend})
        spec = AgentSpec("desk", "You are a desk.", (look_up, *tools), where, helpers)
        found: Desk = made(spec, folder, options=options)
        return found

    async def test_the_model_is_told_of_it_as_it_was_given(self, play: Play, tmp_path: Path) -> None:
        model = play(self.shows(SHOP))
        await self.desk(model, tmp_path).start("go", tools=(MAP,))
        told = tools_in(model)[self.called]
        assert told["description"] == MAP.description
        zoom = told["parameters"]["properties"]["zoom"]
        assert (zoom["type"], zoom["description"]) == ("integer", "1 to 20")
        assert sorted(told["parameters"]["required"]) == ["around", "zoom"]
        assert place_in(told["parameters"]) == PLACE

    async def test_each_answer_stands_at_the_call_that_it_is_for(self, play: Play, tmp_path: Path) -> None:
        """A text word for word, and an object as JSON."""
        model = play(self.shows(SHOP, HOUSE))
        at = self.desk(model, tmp_path)
        run = await at.start("go", tools=(MAP,))
        shop, house = run.pending
        assert (shop.action.tool, shop.action.arguments, house.action.arguments) == (MAP.name, SHOP, HOUSE)
        await at.say(answering({"tapped": [54.5, 9.75]})(house))
        run = await at.resume(run)
        assert [each.id for each in run.pending] == [shop.id]
        run = await at.answer(run, answering('  "nowhere"\n'))
        assert run.state is RunState.COMPLETED, run.error
        results = results_in(model)
        assert results[json.dumps(SHOP, sort_keys=True)] == '  "nowhere"\n'
        assert json.loads(results[json.dumps(HOUSE, sort_keys=True)]) == {"tapped": [54.5, 9.75]}
        assert recorded() == []

    async def test_arguments_that_do_not_fit_are_told(self, play: Play, tmp_path: Path) -> None:
        wrong = {"around": {"name": "the shop", "at": [54.5]}, "zoom": "3"}
        model = play(self.shows(wrong), self.shows(SHOP))
        run = await self.desk(model, tmp_path).start("go", tools=(MAP,))
        assert [each.action.arguments for each in run.pending] == [SHOP]
        (said,) = results_in(model).values()
        assert "around.at: [54.5] is too short" in said
        assert "zoom: '3' is not of type 'integer'" in said

    async def test_it_is_told_to_the_agent_of_its_run_alone(self, play: Play, tmp_path: Path) -> None:
        """Not to another run in the same process, and not to the agents that this one calls."""
        model = play(Step(call=(Call(name="helper", arguments=TASK),)), helper=(Step(say="helped"),))
        at = self.desk(model, tmp_path, agents=("helper",))
        async with at.open() as hitl:
            run = await hitl.start("go", tools=(MAP,))
            assert run.state is RunState.COMPLETED, run.error
            first = [self.called in tools_in(model, call) for call in range(len(model.calls))]
            assert first == [True, False, True]
            await hitl.start("go on")
            assert [self.called in tools_in(model, call) for call in range(3, len(model.calls))] == [False] * 3

    async def test_the_name_of_a_tool_of_the_app_or_of_an_agent_is_refused(self, play: Play, tmp_path: Path) -> None:
        model = play(Step(say="unused"))
        at = self.desk(model, tmp_path, agents=("helper",))
        async with at.open() as hitl:
            for name in ("look_up", "helper"):
                with pytest.raises(ToolsRefused, match=rf"tools\.{name}: is the name of"):
                    await hitl.start("go", tools=(ClientTool(name=name),))
            assert (await hitl.runs()).items == ()
        assert model.calls == ()

    async def test_an_app_that_has_such_a_tool_by_now_does_nothing(self, play: Play, tmp_path: Path) -> None:
        model = play(self.shows(SHOP))
        run = await self.desk(model, tmp_path).start("go", tools=(MAP,))
        run = await self.desk(model, tmp_path, show_map).answer(run, answering("here"))
        assert (run.state, run.error[:8]) == (RunState.FAILED, AppChanged.code)
        assert (recorded(), len(model.calls)) == ([], 1)
        run = await self.desk(model, tmp_path).resume(run)
        assert (run.state, list(results_in(model).values())) == (RunState.COMPLETED, ["here"]), run.error


def tools_in(model: ScriptedModel, call: int = 0) -> dict[str, dict[str, Any]]:
    """What the model was told of functions in one of its calls, by name."""
    body: Any = model.calls[call].body
    return {each["function"]["name"]: each["function"] for each in body.get("tools") or ()}


def place_in(parameters: dict[str, Any]) -> dict[str, Any]:
    """What is said of a place, where it stands or where that refers to."""
    found: dict[str, Any] = parameters["properties"]["around"]
    return parameters["$defs"]["Place"] if "$ref" in found else found


def results_in(model: ScriptedModel) -> dict[str, str]:
    """What the model has heard last of each of its calls, by their arguments."""
    body: Any = model.calls[-1].body
    calls = {
        each["id"]: json.dumps(json.loads(each["function"]["arguments"]), sort_keys=True)
        for message in body["messages"]
        for each in message.get("tool_calls") or ()
    }
    heard = [each for each in body["messages"] if each["role"] == "tool"]
    return {calls[each["tool_call_id"]]: each["content"] for each in heard}

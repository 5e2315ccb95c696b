"""The app of a conformance scene in plain Python: a function that makes the calls, and hears what came of them."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from hitl_core.apps import AppSource
from hitl_core.capabilities import Capability
from hitl_core.errors import CallRefused, CapabilityNotSupported
from hitl_core.protocol import Json
from hitl_core.testing.conformance import LOCATE, Call, Scene, Stage, messages_of, words_of
from hitl_core.tools import Tool

from .adapter import CAPABILITIES, NAME
from .gating import gate

Done = Callable[[Call], Awaitable[Json]]

_OPTIONS: Final = ("red", "green")


class Kit:
    """Scenes as plain functions."""

    backend = NAME

    def app(self, scene: Scene, stage: Stage) -> AppSource:
        """A function that plays the scene. Raises CapabilityNotSupported for what plain Python does not have."""
        if scene.native:
            raise _absent(Capability.LIFT_NATIVE_PAUSES)
        if scene.human:
            raise _absent(Capability.HANDOFF_TO_HUMAN)
        return AppSource("conformance:app", _play(scene, stage))

    def options(self, stage: Stage) -> dict[str, Any]:
        """There are none."""
        return {}


def _absent(capability: Capability) -> CapabilityNotSupported:
    return CapabilityNotSupported(NAME, capability, CAPABILITIES[capability].because)


def _play(scene: Scene, stage: Stage) -> Callable[[Json], Awaitable[str]]:
    tools = {each.name: _guarded(each) for each in stage.tools(scene) if each.function is not None}

    async def turns(who: str, every: tuple[tuple[Call, ...], ...]) -> None:
        for number, turn in enumerate(every):
            await thinks(who, number)
            known = [call for call in turn if call.tool not in scene.lacks]
            if words := words_of(turn):
                gate.say(words)
            with gate.saying(words):
                came = await gate.together(*(attempt(call) for call in known))
            for said in came:
                stage.hear(said if isinstance(said, str) else json.dumps(said))
            for told in gate.notes:
                stage.hear(told)
        await thinks(who, "ends")

    async def thinks(who: str, turn: object) -> None:
        told = await gate.guidance()
        await gate.step(_think, stage, f"{who} {turn}", told, name=f"{who} thinks")

    async def attempt(call: Call) -> Json:
        try:
            return await done(call)
        except CallRefused as exc:
            return str(exc)

    async def done(call: Call) -> Json:
        given: dict[str, Any] = dict(call.arguments)
        match call.tool:
            case "helper":
                with gate.acting_as("helper"):
                    await turns("helper", scene.helper)
                return "the helper is done"
            case "ask":
                return await gate.ask(given["question"])
            case "pick":
                return await gate.choose(given["question"], _OPTIONS, name="pick")
            case "show":
                return await gate.review(given["content"], name="show")
            case LOCATE.name:
                return await gate.ask_page(call.tool, given)
            case name:
                made: Json = await tools[name](**given)
                return made

    async def app(input: Json) -> str:
        for said in messages_of(input):
            stage.hear(said)
        with gate.acting_as("clerk"):
            await turns(f"{input}: clerk", scene.turns)
        return "done"

    app.tools = tuple(tools.values())  # type: ignore[attr-defined]  # a function takes any attribute
    return app


def _think(stage: Stage, turn: str, told: tuple[str, ...]) -> None:
    for guidance in told:
        stage.hear(guidance)
    stage.think(turn)


def _guarded(tool: Tool) -> Callable[..., Awaitable[Json]]:
    guarded = gate.guard(tool)
    if inspect.iscoroutinefunction(guarded):
        return guarded

    @functools.wraps(guarded)
    async def in_a_thread(**arguments: Any) -> Json:
        made: Json = await asyncio.to_thread(guarded, **arguments)
        return made

    return in_a_thread

"""The app of a conformance scene as a generator."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hitl_core.apps import AppSource
from hitl_core.capabilities import Capability
from hitl_core.errors import CapabilityNotSupported
from hitl_core.protocol import Json
from hitl_core.testing.conformance import Call, Scene, Stage, messages_of

from .adapter import CAPABILITIES, NAME, Do, Once, Playing

Turns = tuple[tuple[Call, ...], ...]
HELPER = "helper"


class Kit:
    """How hitl-core tries this adapter."""

    backend = NAME

    def app(self, scene: Scene, stage: Stage) -> AppSource:
        for wanted, capability in (
            (scene.native, Capability.LIFT_NATIVE_PAUSES),
            (scene.human, Capability.HANDOFF_TO_HUMAN),
            (scene.speaks, Capability.SHOW_WORDS),
        ):
            if wanted:
                raise CapabilityNotSupported(NAME, capability, CAPABILITIES[capability].because)
        return AppSource("conformance:app", player(scene, stage))

    def options(self, stage: Stage) -> dict[str, Any]:
        return {}


def player(scene: Scene, stage: Stage) -> Callable[[Json], Playing]:
    """A generator function that makes the calls of a scene."""
    tools = {each.name: each for each in stage.tools(scene)}

    def thinks(words: str) -> Once:
        return Once(lambda: stage.think(words))

    def turns(run: Json, agents: tuple[str, ...], every: Turns) -> Playing:
        for number, turn in enumerate(every):
            yield thinks(f"{run} {agents} {number}")
            known = [call for call in turn if call.tool == HELPER or call.tool in tools]
            for said in (yield [does(run, agents, call) for call in known]):
                stage.hear(said if isinstance(said, str) else json.dumps(said))
        yield thinks(f"{run} {agents} ends")
        return "done"

    def does(run: Json, agents: tuple[str, ...], call: Call) -> Do | Playing:
        if call.tool == HELPER:
            return turns(run, (*agents, HELPER), scene.helper)
        return Do(tools[call.tool], call.arguments, agents)

    def app(input: Json) -> Playing:
        for said in messages_of(input):
            stage.hear(said)
        return (yield from turns(input, ("clerk",), scene.turns))

    app.tools = tuple(tools.values())  # type: ignore[attr-defined]  # a function takes any attribute
    return app

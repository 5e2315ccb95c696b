"""What an author supplies: how the app of a scene looks in their framework. With an AgentSpec that is three lines.

class Kit(SpecKit):
    backend = "myframework"
"""

from __future__ import annotations

import os
from typing import Any, ClassVar, Final, Literal, Protocol

from ...apps import AgentSpec, AppSource, ModelSpec
from ...capabilities import Capability
from ...errors import CapabilityNotSupported
from ..scripted_model import Call as ModelCall
from ..scripted_model import Conversation, Script, Step
from .installed import capabilities_of
from .scenes import AGENT, DONE, HELPER, Call, Scene, words_of
from .stage import Stage

REFERENCE: Final = "conformance:app"
KEY_VARIABLE: Final = "HITL_CONFORMANCE_KEY"

_CLERK: Final = "You are the clerk of the conformance suite."
_HELPER: Final = "You are the helper of the conformance suite."


class NotInKit(Exception):
    """The kit has no app for this scene, though its adapter says that it could do it: the behaviour was not tried."""


class Kit(Protocol):
    """How one adapter is tried. A kit has no state: it may be made anew in another process."""

    @property
    def backend(self) -> str:
        """The adapter's one name."""
        ...

    def app(self, scene: Scene, stage: Stage) -> AppSource:
        """The framework's app that plays the scene. Raises CapabilityNotSupported for one that it cannot play."""
        ...

    def options(self, stage: Stage) -> dict[str, Any]:
        """`[backend.options]` for that app."""
        ...


class SpecKit:
    """A kit for adapters that build an AgentSpec: the agent is driven by a scripted model."""

    backend: ClassVar[str]

    def app(self, scene: Scene, stage: Stage) -> AppSource:
        """An AgentSpec with the stage's tools, or the framework's own app if the scene is about a native pause."""
        if scene.native:
            return AppSource(REFERENCE, self.native(scene.native, stage), folder=stage.folder)
        return AppSource(REFERENCE, spec_of(scene, stage), folder=stage.folder)

    def options(self, stage: Stage) -> dict[str, Any]:
        """Nothing that would have to be set."""
        return {}

    def native(self, pause: str, stage: Stage) -> Any:
        """An unchanged app that pauses by itself (see `scenes.native`). Override it if the adapter lifts pauses.

        Raises CapabilityNotSupported if the adapter does not, else NotInKit.
        """
        support = capabilities_of(self.backend).get(Capability.LIFT_NATIVE_PAUSES)
        if support is not None and support.level == "absent":
            raise CapabilityNotSupported(self.backend, Capability.LIFT_NATIVE_PAUSES, support.because)
        raise NotInKit(f"the kit of {self.backend!r} has no app with a native {pause}")


def spec_of(scene: Scene, stage: Stage) -> AgentSpec:
    """The agent of a scene as a neutral recipe."""
    os.environ.setdefault(KEY_VARIABLE, "none")
    model = ModelSpec("conformance", stage.model_url, api_key_env=KEY_VARIABLE)
    tools = stage.tools(scene)
    helper = AgentSpec(HELPER, _HELPER, tools, model, description="Does what the clerk asks for.")
    agents = (helper,) if scene.helper else ()
    return AgentSpec(AGENT, _CLERK, tools, model, agents, human=scene.human or None)


def script_of(scene: Scene) -> Script:
    """What the model of a scene says: one step per turn, then "done"; the helper is told apart by its instructions."""
    helper = Conversation(name=HELPER, system=_HELPER, steps=_steps(scene.helper))
    conversations = (helper,) if scene.helper else ()
    ids: Literal["unique", "repeat"] = "repeat" if scene.same_ids else "unique"
    return Script(conversations=conversations, steps=_steps(scene.turns, scene.runs), call_ids=ids)


def _steps(turns: tuple[tuple[Call, ...], ...], ends: int = 1) -> tuple[Step, ...]:
    return (*map(_step, turns), *[Step(say=DONE)] * ends)


def _step(turn: tuple[Call, ...]) -> Step:
    calls = tuple(ModelCall(name=each.tool, arguments=each.arguments) for each in turn)
    return Step(say=words_of(turn) or None, call=calls)

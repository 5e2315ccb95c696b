"""The app: a factory that gives a fresh crew or flow to each turn, its fingerprint, and how one is kicked off."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from crewai import Crew, Task
from crewai.core.providers.human_input import reset_provider, set_provider
from crewai.flow.runtime import Flow
from crewai.tasks.task_output import TaskOutput

from hitl_core.apps import AppSource
from hitl_core.contracts import Finding, Turn
from hitl_core.errors import AppRefused
from hitl_core.protocol import Json, canonical, sha256
from hitl_core.tools import as_json

from ..errors import expecting_pauses
from ..gating import Reviews, stay_installed
from ..mapping import kickoff_inputs
from ..suspend import Current, driving, journal_models
from .spec import build_crew

Native = Crew | Flow[Any]


@dataclass(frozen=True, slots=True)
class App:
    """An app as each turn gets it: `make` gives a crew or flow that nobody has used yet, `look` what is in one."""

    make: Callable[[Turn], Native]
    look: Callable[[], tuple[Finding, ...]] = tuple
    spec: bool = False

    def kickoff(self, now: Current, native: Native) -> Any:
        """Run it to its next pause or its end, in a thread of its own. Raises Suspended, and what the app raises."""
        journal_models()
        stay_installed()
        token = set_provider(Reviews())
        try:
            with driving(now), expecting_pauses():
                return _result(native, None if self.spec else kickoff_inputs(now.turn.run.input))
        finally:
            now.settle()
            reset_provider(token)


def load_app(source: AppSource) -> App:
    """What `backend.app` names. Raises AppRefused if it is no factory."""
    spec = source.spec()
    if spec is not None:
        agent = spec
        return App(
            lambda turn: build_crew(agent.with_tools(turn.run.tools), turn.run.input, stream=turn.watched), spec=True
        )
    found = source.load()
    if isinstance(found, Crew | Flow):
        kind = type(found).__name__
        raise AppRefused(
            f"{source.reference!r} is a {kind}, used up after one turn; name a function that returns a new {kind}"
        )
    if not callable(found):
        raise AppRefused(f"{source.reference!r} is not a function or class that gives a Crew or a Flow")
    return App(lambda _: _made(found, source.reference), look=lambda: findings(_made(found, source.reference)))


def _made(factory: Any, reference: str) -> Native:
    """A crew or flow from a function, an async function, a Flow class, or a class with a `crew` method (@CrewBase)."""
    made = factory()
    if inspect.isawaitable(made):
        made = asyncio.run(_awaited(made))
    if not isinstance(made, Crew | Flow) and callable(getattr(made, "crew", None)):
        made = made.crew()
    if not isinstance(made, Crew | Flow):
        raise AppRefused(f"{reference!r} gives a {type(made).__name__}, not a Crew or a Flow")
    return made


async def _awaited(made: Any) -> Any:
    return await made


def _result(native: Native, inputs: dict[str, Any] | None) -> Any:
    result: Any = native.kickoff(inputs=inputs)
    if not (hasattr(type(result), "result") and hasattr(type(result), "__iter__")):
        return result
    for _ in result:  # streaming: it works only while somebody reads
        pass
    return result.result


# ── the same app? ────────────────────────────────────────────────────────────────────────────────────────────


def fingerprint(native: Native) -> str:
    """Changes when a task, agent, tool or flow method does: what waits in another app may be gone from this one."""
    described = _flow(native) if isinstance(native, Flow) else _crew(native)
    return sha256(canonical(as_json(described)))


def _crew(crew: Crew) -> dict[str, Any]:
    agents = [each for each in (*crew.agents, crew.manager_agent) if each is not None]
    return {
        "process": str(crew.process),
        "tasks": [_task(each) for each in crew.tasks],
        "agents": [[each.role, each.goal, each.backstory, _tools(each.tools)] for each in agents],
    }


def _task(task: Task) -> list[Any]:
    role = task.agent.role if task.agent is not None else None
    return [task.key, task.async_execution, task.human_input, _tools(task.tools), role]


def _tools(tools: Any) -> list[str]:
    """Their names only: a tool that means something else now is asked about again, by its digest."""
    return [str(each.name) for each in tools or ()]


def _flow(flow: Flow[Any]) -> dict[str, Any]:
    return {name: _method(each) for name, each in type(flow).flow_definition().methods.items()}


def _method(method: Any) -> list[Any]:
    asks = method.human_feedback
    return [str(method.start), str(method.listen), method.router, asks and [asks.message, asks.emit]]


# ── tasks that ended ─────────────────────────────────────────────────────────────────────────────────────────


def ended_tasks(native: Native) -> list[Json]:
    """The outputs of the tasks at the beginning of a crew that have ended; a later turn starts after them."""
    ended: list[Json] = []
    for task in native.tasks if isinstance(native, Crew) else ():
        if task.output is None:
            break
        ended.append(task.output.model_dump(mode="json"))
    return ended


def graft(native: Native, ended: list[Json]) -> None:
    """Give a fresh crew the outputs of tasks that ended: their callbacks, files and guardrails are not repeated."""
    if not ended or not isinstance(native, Crew):
        return
    for task, output in zip(native.tasks, ended, strict=False):
        kept = cast("dict[str, Any]", dict(cast("dict[str, Json]", output)))
        structured = kept.pop("pydantic", None)
        task.output = TaskOutput.model_validate(kept)
        if structured is not None and task.output_pydantic is not None:
            task.output.pydantic = task.output_pydantic.model_validate(structured)
    native.checkpoint_kickoff_event_id = "hitl"


# ── what was found in it ─────────────────────────────────────────────────────────────────────────────────────


def findings(native: Native) -> tuple[Finding, ...]:
    """What people should know about an app before it runs under oversight."""
    found: list[Finding] = []
    for agent in native.agents if isinstance(native, Crew) else ():
        if getattr(agent.llm, "builtin_tools", None):
            why = "its model runs tools at the provider (builtin_tools), where no gate can see them"
            found.append(Finding("refuse", str(agent.role), why))
        if getattr(agent, "inject_date", False):
            why = "its prompt has the date (inject_date), so on another day its model is asked again"
            found.append(Finding("warn", str(agent.role), why))
        if type(agent.llm).__name__ == "GeminiCompletion":
            why = "answers of Gemini are kept without thought signatures; a model that insists on them refuses to go on"
            found.append(Finding("warn", str(agent.role), why))
    if isinstance(native, Crew) and native.memory:
        why = "a save that a crash cuts off is made again; recalling again may find more, which asks the model again"
        found.append(Finding("warn", "memory", why))
    return tuple(found)


__all__ = [
    "App",
    "ended_tasks",
    "findings",
    "fingerprint",
    "graft",
    "load_app",
]

"""Puts the routes into an app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ..errors import ConfigError, Fault
from ..runtime import Runtime
from .agent import Agent, ToInput, Wire
from .people import Who, whoever_starlette_knows
from .routes import Pages

if TYPE_CHECKING:
    from starlette.routing import BaseRoute, Router

DEFAULT = "default"
"""The name of the one agent of a page that names none."""


class HasRoutes(Protocol):
    """An app of Starlette, or of what is built on it (FastAPI)."""

    @property
    def router(self) -> Router: ...


def mount_copilotkit(
    app: HasRoutes,
    hitl: Runtime | Mapping[str, Runtime | Agent],
    prefix: str = "/copilotkit",
    *,
    who: Who = whoever_starlette_knows,
    to_input: ToInput | None = None,
    wire: Wire | str = Wire.STANDARD,
    asks_with: str = "",
    agui: str = "/agui",
) -> Pages:
    """Let CopilotKit pages, and everything else that speaks AG-UI, talk to apps under oversight.

    app: the routes are added to its own; CORS and authentication are its.
    hitl: a runtime, which pages know as the agent `default`, or several by the names that pages use. A conversation is
        with one of them, which is the app that its runs are of.
    who: says who has sent a request; by default the user of Starlette's AuthenticationMiddleware, and without that
        nobody is let in. With `anybody` everybody is, and may decide what the policy leaves to anybody, also what they
        have asked for themselves.
    to_input: the app's input for what a page's user says; by default `{"messages": […]}`.
    wire: how interrupts are told: `standard`, `legacy` (pages older than June 2026), or `both`.
    asks_with: the name of a tool; pages that have it, with `useHumanInTheLoop`, are asked everything by calls of it.
    agui: where raw AG-UI is, as `/agui/{agent}`; "" for nowhere.
    Returns what serves them: `await pages.working.close()` waits for the turns that are under way.
    Raises ConfigError for a runtime that does not keep transcripts.
    """
    agents = {name: _agent(name, each, to_input, Wire(wire), asks_with) for name, each in _named(hitl).items()}
    pages = Pages(_apart(agents), who)
    routes: list[BaseRoute] = [*pages.copilotkit(prefix.rstrip("/")), *(pages.agui(agui.rstrip("/")) if agui else ())]
    app.router.routes.extend(routes)
    return pages


def _named(hitl: Runtime | Mapping[str, Runtime | Agent]) -> Mapping[str, Runtime | Agent]:
    return hitl if isinstance(hitl, Mapping) else {DEFAULT: hitl}


def _agent(name: str, served: Runtime | Agent, to_input: ToInput | None, wire: Wire, asks_with: str) -> Agent:
    if isinstance(served, Agent):
        agent = served
    else:
        agent = Agent(name, served, to_input=to_input, wire=wire, asks_with=asks_with)
    if not agent.hitl.settings.transcripts:
        what = "is off: a page that is loaded again has nothing to show; write `keep = true` below `[transcripts]`"
        raise ConfigError([Fault("transcripts.keep", what)])
    return agent


def _apart(agents: Mapping[str, Agent]) -> dict[str, Agent]:
    """Each has the name that pages use, and knows which apps are those of others; two names of one app share it."""
    apps = frozenset(each.app for each in agents.values())
    return {name: replace(each, name=name, others=apps - {each.app}) for name, each in agents.items()}

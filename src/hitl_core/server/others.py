"""Other agents' clients, as [server.agents] lets them in: authenticated as everybody else, and with their rights."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI

from ..versions import installed
from .auth.authentication import authenticate_again
from .site import Site

Closes = Callable[[], Awaitable[None]]


def let_in(app: FastAPI, site: Site) -> tuple[Closes, ...]:
    """Mount what is configured; what is to be closed with the app. Raises AdapterNotInstalled for a missing extra."""
    agents, closes = site.serving.agents, list[Closes]()
    with installed("[server.agents]", extra="a2a,mcp"):
        if agents.a2a:
            _a2a(app, site)
        if agents.mcp:
            closes.append(_mcp(app, site))
    return tuple(closes)


def _a2a(app: FastAPI, site: Site) -> None:
    from ..a2a import mount_a2a

    agents = site.serving.agents
    mount_a2a(
        app,
        site.hitl,
        who=authenticate_again,
        url=site.serving.address,
        may_answer=agents.may_answer,
        inbox=site.serving.address,
        name=agents.name,
        description=agents.description,
        reading="messages" if agents.words == "messages" else "text",
        over=site.ending.is_set,
    )


def _mcp(app: FastAPI, site: Site) -> Closes:
    from ..mcp import mount_mcp

    agents, inbox = site.serving.agents, site.serving.address
    sessions = mount_mcp(
        app, site.hitl, who=authenticate_again, may_answer=agents.may_answer, inbox=inbox, name=agents.name
    )
    return sessions.close

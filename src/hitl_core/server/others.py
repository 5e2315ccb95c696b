"""Other agents' clients, as [server.agents] lets them in: authenticated as everybody else, and with their rights."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI

from ..runtime import Runtime
from ..versions import installed
from .auth.authentication import authenticate_again
from .site import Site

Closes = Callable[[], Awaitable[None]]


def let_in(app: FastAPI, site: Site, apps: Mapping[str, Runtime]) -> tuple[Closes, ...]:
    """Mount what is configured, for the site's app and these; what is to be closed with all of it.

    Raises AdapterNotInstalled for a missing extra.
    """
    agents, closes = site.serving.agents, list[Closes]()
    with installed("[server.agents]", extra="a2a,mcp"):
        for name, hitl in {"": site.hitl, **apps}.items():
            if agents.a2a:
                _a2a(app, site, hitl, name)
            if agents.mcp:
                closes.append(_mcp(app, site, hitl, name))
    return tuple(closes)


def _a2a(app: FastAPI, site: Site, hitl: Runtime, name: str) -> None:
    """The site's app has no name of its own here, and the card of the whole server."""
    from ..a2a import mount_a2a

    agents = site.serving.agents
    mount_a2a(
        app,
        hitl,
        who=authenticate_again,
        url=site.serving.address,
        prefix=_below("/a2a", name),
        may_answer=agents.may_answer,
        inbox=site.serving.address,
        name=name or agents.name,
        description="" if name else agents.description,
        reading="messages" if agents.words == "messages" else "text",
        over=site.ending.is_set,
        of_all=not name,
    )


def _mcp(app: FastAPI, site: Site, hitl: Runtime, name: str) -> Closes:
    from ..mcp import mount_mcp

    agents, inbox = site.serving.agents, site.serving.address
    sessions = mount_mcp(
        app,
        hitl,
        who=authenticate_again,
        prefix=_below("/mcp", name),
        may_answer=agents.may_answer,
        inbox=inbox,
        name=name or agents.name,
    )
    return sessions.close


def _below(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if name else prefix

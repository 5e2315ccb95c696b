"""CopilotKit pages, as `[server] copilotkit` lets them in: authenticated as everybody else, and with their rights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request

from ..runtime import Runtime
from ..versions import installed
from .auth import Right, Visitor
from .auth.authentication import authenticate_again
from .others import Closes
from .site import Site

if TYPE_CHECKING:
    from ..agui import Person


def let_pages_in(app: FastAPI, site: Site, apps: Mapping[str, Runtime]) -> tuple[Closes, ...]:
    """Mount the routes if they are configured, for the site's app and these; what is to be closed with all of it.

    Raises AdapterNotInstalled for a missing extra, ConfigError where no transcripts are kept.
    """
    if not site.serving.copilotkit:
        return ()
    with installed("[server] copilotkit", extra="agui"):
        from ..agui import mount_copilotkit
    pages = mount_copilotkit(app, {site.serving.copilotkit: site.hitl, **apps}, who=_at_the_page)
    return (pages.working.close,)


async def _at_the_page(request: Request) -> Person | None:
    """Looked up each time: a page that listens is asked again while it does."""
    visitor = await authenticate_again(request)
    return None if visitor is None or Right.REQUESTS not in visitor.rights else _person(visitor)


def _person(visitor: Visitor) -> Person:
    from ..agui import Person
    from ..agui.people import CHANNEL

    return Person(
        visitor.responder.model_copy(update={"channel": CHANNEL}),
        visitor.tenant,
        sees_runs=Right.RUNS in visitor.rights,
        may_start=Right.START in visitor.rights,
        may_stop=Right.OPERATE in visitor.rights,
    )

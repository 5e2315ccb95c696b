"""Who is at the page: told by the HTTP request alone, never by what the page posts."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from ..protocol import Responder

log = logging.getLogger("hitl_core.agui")

CHANNEL = "page"
NOBODY = (
    "no page is let in: there is no AuthenticationMiddleware that says who somebody is; give mount_copilotkit "
    "`who=`, a function that does, or `who=anybody` to try things out where nobody else comes"
)
ANYBODY = Responder(id="anybody", channel=CHANNEL, authenticated_by="nobody")
"""Who comes without having been asked who they are. They may answer what the policy leaves to anybody."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a page. `tenant` is the one whose things they see, None for all; `sees_runs`: of others, too.

    `may_start`: what they say may begin a run. `may_stop`: they may stop what others have begun.
    """

    responder: Responder = ANYBODY
    tenant: str | None = None
    sees_runs: bool = False
    may_start: bool = True
    may_stop: bool = False

    @property
    def starts_as(self) -> str | None:
        """On whose behalf a run of theirs is; nobody's where nobody said who they are."""
        return None if self.responder.authenticated_by == ANYBODY.authenticated_by else self.responder.id


Who = Callable[[Request], Awaitable[Person | None]]
"""Says who has sent a request; None refuses it."""


async def anybody(request: Request) -> Person:
    """Whoever comes, unasked: for trying things out, where nobody else can reach them."""
    return Person()


async def whoever_starlette_knows(request: Request) -> Person | None:
    """The user that Starlette's AuthenticationMiddleware has found.

    Who is not signed in is not let in: else who may not approve their own would sign out, and do it. Nor is anybody in
    an app without that middleware: it may sign people in at its own routes, and these are others.
    """
    if "user" not in request.scope:
        log.warning(NOBODY)
        return None
    user = request.scope["user"]
    if not user.is_authenticated:
        return None
    responder = Responder(id=user.identity, channel=CHANNEL, authenticated_by=type(user).__name__)
    return Person(responder)

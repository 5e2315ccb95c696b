"""A2A in an application: its card for everybody, its calls for who has come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote

from a2a.server.context import ServerCallContext
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.routes.common import ServerCallContextBuilder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from ..callers import Desk, WhoCalls
from ..callers.authentication import RequireCaller, by_known_name
from ..runtime import Runtime
from .bodies import WholeBody
from .card import card_of
from .handler import Handler
from .messages import Reading

CHANNEL: Final = "a2a"
CARD: Final = "/.well-known/agent-card.json"


def mount_a2a(
    app: Starlette,
    hitl: Runtime,
    *,
    who: WhoCalls,
    url: str,
    prefix: str = "/a2a",
    may_answer: Iterable[str] = (),
    inbox: str = "",
    name: str = "",
    description: str = "",
    reading: Reading = "text",
    over: Callable[[], bool] = lambda: False,
    of_all: bool = True,
) -> None:
    """Let other agents' clients start runs of the app, and follow them, over A2A. The runtime stays yours to close.

    `who` says who calls, by the credentials of the request. `url` is where the application is reached, `inbox` where
    people answer. `may_answer` are the callers whose clients carry the answers of people; nobody's do by default.
    Of several apps each has a `prefix` of its own, and one is `of_all`: its card stands at the root, too.
    """
    desk, who = Desk(hitl, CHANNEL, frozenset(may_answer), inbox), by_known_name(hitl, who)
    name = name or hitl.settings.app or "agent"
    description = description or f"{name}, overseen by people."
    card = card_of(
        url=f"{url}{quote(prefix)}", name=name, description=description, app_version=hitl.settings.app_version
    )
    (calls,) = create_jsonrpc_routes(Handler(desk, who, reading, over), prefix, _Context(), enable_v0_3_compat=True)
    app.router.routes.append(Route(prefix, RequireCaller(WholeBody(calls.app), who), methods=["POST"]))
    for place in (f"{prefix}{CARD}", CARD) if of_all else (f"{prefix}{CARD}",):
        app.router.routes.extend(create_agent_card_routes(card, card_url=place))


class _Context(ServerCallContextBuilder):
    """Only what the request is signed in as counts, so that is all that goes with a call."""

    def build(self, request: Request) -> ServerCallContext:
        return ServerCallContext(state={"request": request, "headers": dict(request.headers)})

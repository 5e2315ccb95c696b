"""Guards: what stands between everybody and the app. Each is plain ASGI, and knows nothing of what the app does.

    placed ─► headers ─► access ─► hosts ─► rates ─► bodies ─► (errors) ─► forgeries ─► app

access     a line for each request, and an id                 rates      how often one address may come
headers    what browsers are told of every answer             bodies     how large and how slow a request may be
placed     where people reach us, as configured               forgeries  who has come, how often, and did they mean it
hosts      which names we answer to                           addresses  where somebody comes from
patience   not of the app but of uvicorn: how slow a client may be
"""

from __future__ import annotations

from starlette.types import ASGIApp

from ..site import Site
from .access import Access
from .bodies import Bodies
from .forgeries import Forgeries
from .headers import Headers
from .hosts import Hosts
from .placed import Placed
from .rates import Rates

__all__ = ["Forgeries", "guarded"]


def guarded(app: ASGIApp, site: Site) -> ASGIApp:
    """The guards that need not know who has come, around an app and around what answers for its errors."""
    serving = site.serving
    inside = Rates(Bodies(app, serving), serving, site.clock)
    return Placed(Headers(Access(Hosts(inside, serving), serving)), serving)

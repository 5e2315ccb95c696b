"""Doors: how somebody comes in, and what they may do then.

    a cookie, a token ─► coming ─► sessions, tokens ─► known (as the directory knows them) ─► a Visitor
    /login            ─► links, oidc, proxy ─► a Claim ─► sessions

visitor     who has come in; rights: what they may do; asking: what routes depend on; forms: that a change was meant
tenants     what of all tenants they see
secret      what only its holder has; cookies: where a browser keeps it; refusals: who was not let in
"""

from __future__ import annotations

from .asking import NobodyCame, needs, visitor
from .coming import come_in, proxy_says
from .known import Claim
from .links import LinkState
from .sessions import Opened
from .tokens import Token
from .visitor import Right, Visitor

__all__ = [
    "Claim",
    "LinkState",
    "NobodyCame",
    "Opened",
    "Right",
    "Token",
    "Visitor",
    "come_in",
    "needs",
    "proxy_says",
    "visitor",
]

"""Authentication and authorisation: who somebody is, and what the server lets them do.

    each request  cookie or bearer token ─► authentication ─► sessions, tokens ─► claims (the directory) ─► Visitor
    /login        login_links, oidc, proxy ─► Claim ─► sessions

visitor       who has come in, and the names of their rights      rights      which rights which roles have
dependencies  what a route asks for: `site: CurrentSite, visitor: RunsVisitor`
tenants       what is done in one tenant only                      csrf        the token that a form carries
secret        random secrets, and comparing them                   cookies     where a browser keeps them
refusals      a line of the trail for who was not let in
"""

from __future__ import annotations

from .authentication import authenticate, proxy_claim
from .claims import Claim
from .dependencies import (
    AnyVisitor,
    AuditVisitor,
    NotAuthenticated,
    OperateVisitor,
    PolicyVisitor,
    RequestsVisitor,
    RunsVisitor,
    StartVisitor,
    TokensVisitor,
    current_visitor,
    needs,
)
from .login_links import LinkState
from .sessions import Opened
from .tokens import Token
from .visitor import Right, Visitor

__all__ = [
    "AnyVisitor",
    "AuditVisitor",
    "Claim",
    "LinkState",
    "NotAuthenticated",
    "Opened",
    "OperateVisitor",
    "PolicyVisitor",
    "RequestsVisitor",
    "Right",
    "RunsVisitor",
    "StartVisitor",
    "Token",
    "TokensVisitor",
    "Visitor",
    "authenticate",
    "current_visitor",
    "needs",
    "proxy_claim",
]

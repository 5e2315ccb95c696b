"""The dependencies of routes (FastAPI): who has come in, and whether they have the right to do this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from ..site import site_of
from .authentication import authenticate
from .rights import what_is_missing
from .visitor import Right, Visitor


class NotAuthenticated(HTTPException):
    """401: people are sent to where they sign in, programs are told."""

    def __init__(self) -> None:
        said = "nobody has come in: sign in, or send a token of the API that has not expired"
        super().__init__(401, said, {"WWW-Authenticate": "Bearer"})


async def current_visitor(request: Request) -> Visitor:
    """Who has come in. Raises NotAuthenticated (401) for nobody. CSRF is seen to in middleware/csrf.py."""
    visitor = await authenticate(request)
    if visitor is None:
        raise NotAuthenticated
    return visitor


def needs(right: Right) -> Callable[[Request, Visitor], Awaitable[Visitor]]:
    """A dependency: the visitor, if they have this right. Raises HTTPException 401, 403."""

    async def _visitor(request: Request, visitor: Annotated[Visitor, Depends(current_visitor)]) -> Visitor:
        if right not in visitor.rights:
            missing = what_is_missing(right, site_of(request).serving)
            if visitor.by_tokens:
                missing = f"a token has it by `hitl token make --right {right.value}`, if its person has: {missing}"
            raise HTTPException(403, f"{visitor.name!r} has not the right {right.value!r}; {missing}")
        return visitor

    return _visitor


AnyVisitor = Annotated[Visitor, Depends(current_visitor)]
"""Whoever has signed in. The names below: whoever has, and has the right that is named."""

RequestsVisitor = Annotated[Visitor, Depends(needs(Right.REQUESTS)), Right.REQUESTS]
RunsVisitor = Annotated[Visitor, Depends(needs(Right.RUNS)), Right.RUNS]
StartVisitor = Annotated[Visitor, Depends(needs(Right.START)), Right.START]
OperateVisitor = Annotated[Visitor, Depends(needs(Right.OPERATE)), Right.OPERATE]
PolicyVisitor = Annotated[Visitor, Depends(needs(Right.POLICY)), Right.POLICY]
TokensVisitor = Annotated[Visitor, Depends(needs(Right.TOKENS)), Right.TOKENS]
AuditVisitor = Annotated[Visitor, Depends(needs(Right.AUDIT)), Right.AUDIT]

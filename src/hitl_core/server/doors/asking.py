"""What routes depend on: who has come in, and whether they may do this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from .visitor import Right, Visitor


async def visitor(request: Request) -> Visitor:
    """Who has come in. Raises HTTPException 401 for nobody."""
    come: Visitor | None = getattr(request.state, "visitor", None)
    if come is None:
        raise HTTPException(401, "nobody has come in: sign in first")
    return come


def needs(right: Right) -> Callable[[Visitor], Awaitable[Visitor]]:
    """A dependency: the visitor, if they have this right. Raises HTTPException 403 else."""

    async def _visitor(come: Annotated[Visitor, Depends(visitor)]) -> Visitor:
        if right not in come.rights:
            raise HTTPException(403, f"{come.name!r} has not the right {right.value!r}: [server.rights] says who has")
        return come

    return _visitor

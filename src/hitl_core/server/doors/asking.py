"""What routes depend on: who has come in, and whether they may do this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from ..site import site_of
from .coming import come_in
from .rights import what_is_missing
from .visitor import Right, Visitor


class NobodyCame(HTTPException):
    """401: people are sent to where they sign in, programs are told."""

    def __init__(self) -> None:
        said = "nobody has come in: sign in, or send a token of the API that has not expired"
        super().__init__(401, said, {"WWW-Authenticate": "Bearer"})


async def visitor(request: Request) -> Visitor:
    """Who has come in. Raises HTTPException 401 for nobody. That they meant it is seen to by guards/forgeries.py."""
    come = await come_in(request)
    if come is None:
        raise NobodyCame
    return come


def needs(right: Right) -> Callable[[Request, Visitor], Awaitable[Visitor]]:
    """A dependency: the visitor, if they have this right. Raises HTTPException 403 else."""

    async def _visitor(request: Request, come: Annotated[Visitor, Depends(visitor)]) -> Visitor:
        if right not in come.rights:
            missing = what_is_missing(right, site_of(request).serving)
            raise HTTPException(403, f"{come.name!r} has not the right {right.value!r}; {missing}")
        return come

    return _visitor

"""Ids by hand: the unique beginning or end of an id stands for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, TypeVar

from ..commands import ListRequests, ListRuns, Settled
from ..contracts import every
from ..errors import Fault, GrantNotFound, NotPermitted, RequestNotFound, RunNotFound
from ..lifecycle import RequestState
from ..runtime import Runtime
from .errors_shown import WrongUsage

T = TypeVar("T")

SHORTEST: Final = 4
_WHOLE: Final = 36
_MOST: Final = 20_000
"""Records that are looked through for a part of an id: a second or so."""
_MOST_GRANTS: Final = 100_000
_MOST_LISTED: Final = 8


async def find_request(hitl: Runtime, given: str) -> Settled:
    """The request of an id or a part of one; open requests win.

    Raises RequestNotFound, WrongUsage if it is not unique or there are too many to look through.
    """
    if len(given) >= _WHOLE:
        return await hitl.request(given)
    _long_enough(given, "REQUEST")
    for states in ((RequestState.OPEN,), ()):
        asked = _few(every(hitl.store, ListRequests(states, notices=True)), given, "REQUEST")
        try:
            found = [each async for each in asked if _fits(each.request.id, given)]
        except NotPermitted:  # of what they may see of a server, it is none
            break
        if found:
            return _only(found, [each.request.id for each in found], given, "REQUEST")
    raise RequestNotFound(f"there is no request {given!r}")


async def find_run(hitl: Runtime, given: str) -> str:
    """The whole id of a run. Raises RunNotFound, WrongUsage if it is not unique or too many are there."""
    if len(given) >= _WHOLE:
        return given
    _long_enough(given, "RUN")
    found = [run.id async for run in _few(every(hitl.store, ListRuns()), given, "RUN") if _fits(run.id, given)]
    if not found:
        raise RunNotFound(f"there is no run {given!r}")
    return _only(found, found, given, "RUN")


async def find_grant(hitl: Runtime, given: str) -> str:
    """The whole id of a grant. Raises GrantNotFound, WrongUsage if it is not unique."""
    if len(given) >= _WHOLE:
        return given
    _long_enough(given, "GRANT")
    found = [grant.id for grant in await hitl.grants(limit=_MOST_GRANTS) if _fits(grant.id, given)]
    if not found:
        raise GrantNotFound(f"there is no grant {given!r}")
    return _only(found, found, given, "GRANT")


async def _few(items: AsyncIterator[T], given: str, what: str) -> AsyncIterator[T]:
    """All of them, if they are few enough to be looked through. Raises WrongUsage."""
    seen = 0
    async for each in items:
        if (seen := seen + 1) > _MOST:
            many = f"more than {_MOST:,} would have to be looked through for {given!r}, a part of an id"
            raise WrongUsage([Fault(what, f"{many}; give the whole id, of {_WHOLE} characters")])
        yield each


def _fits(id: str, given: str) -> bool:
    return id.startswith(given) or id.endswith(given)


def _long_enough(given: str, what: str) -> None:
    if len(given) < SHORTEST:
        raise WrongUsage([Fault(what, f"{given!r} is too short; give at least {SHORTEST} characters of the id")])


def _only(found: list[T], ids: list[str], given: str, what: str) -> T:
    if len(found) == 1:
        return found[0]
    listed = ", ".join(ids[:_MOST_LISTED]) + (", …" if len(ids) > _MOST_LISTED else "")
    raise WrongUsage([Fault(what, f"{given!r} fits {len(ids)} ids; give more characters, or the end: {listed}")])

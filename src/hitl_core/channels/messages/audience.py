"""Who is told about a request: those whose turn it is, and who stands in for those who are away."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from ...commands import Settled
from ...people import Directory, Person
from ...protocol import Approvers, Stage
from ...quorum import asked_at, standing

log = logging.getLogger("hitl_core")


def turn(settled: Settled, now: datetime) -> Stage | None:
    """Whose turn it is; None if nobody's, as enough have agreed."""
    asked = asked_at(settled.request, settled.votes, now)
    return standing(asked, settled.votes).now


async def audience(
    directory: Directory, settled: Settled, *, tenant: str, otherwise: tuple[str, ...], now: datetime
) -> tuple[Person, ...]:
    """The people to tell, each once. `otherwise` are the roles that are told where a request names nobody.

    Who has voted already is not told again. A directory that fails names nobody: the inbox has the request anyway.
    """
    asked = turn(settled, now)
    if asked is None:
        return ()
    if not (asked.users or asked.roles):
        asked = Stage(roles=otherwise)
    try:
        found = await _named(directory, asked)
        there = [await _present(directory, person, now) for person in found]
    except Exception as exc:  # a directory is somebody's code or service
        log.error("the directory of people cannot say whom to tell about %s: %s", settled.request.id, exc)
        return ()
    heard = {vote.responder.id for vote in settled.votes}
    wanted = {each.id: each for each in there if each.belongs_to(tenant) and each.id not in heard}
    return tuple(wanted.values())


async def _named(directory: Directory, asked: Stage | Approvers) -> Iterable[Person]:
    people = [await directory.person(user) for user in asked.users]
    found = [person for person in people if person is not None]
    for role in asked.roles:
        found += await directory.members(role)
    return found


async def _present(directory: Directory, person: Person, now: datetime) -> Person:
    """The person, or who stands in for them while they are away."""
    if person.delegate is None or not person.is_away(now):
        return person
    return await directory.person(person.delegate) or person

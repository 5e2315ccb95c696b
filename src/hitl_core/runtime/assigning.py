"""Whose turn it is: of those who may decide, as many as are needed are asked, whoever was asked longest ago first."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import count

from ..commands import ListAssigned
from ..gate import Surroundings
from ..people import Directory, Person
from ..protocol import Approvers, PauseRequest, Run
from .identity import looked_up, people

log = logging.getLogger("hitl_core")


async def assigned(around: Surroundings, run: Run, requests: Iterable[PauseRequest]) -> tuple[PauseRequest, ...]:
    """The requests, each given to those whose turn it is if its rule wants that.

    Where fewer can take it than are needed, all who may decide are asked.
    """
    found: list[PauseRequest] = []
    taken: list[str] = []
    for request in requests:
        if not request.approvers.assign:
            found.append(request)
            continue
        turns = await _in_turn(around, run, request, taken)
        found.append(_given_to(request, turns))
        taken += found[-1].approvers.users if turns else ()
    return tuple(found)


def _given_to(request: PauseRequest, turns: Sequence[str]) -> PauseRequest:
    """The request with those who are asked first, and those who are asked after each time it is reassigned."""
    needed = request.approvers.quorum
    if len(turns) < needed:
        return request.model_copy(update={"approvers": request.approvers.model_copy(update={"assign": False})})
    starts = count(needed, needed)
    escalation = tuple(
        step.model_copy(update={"users": _turn(turns, next(starts), needed)}) if step.reassign else step
        for step in request.escalation
    )
    first = {"users": _turn(turns, 0, needed), "roles": ()}
    approvers = request.approvers.model_copy(update=first)
    return request.model_copy(update={"approvers": approvers, "escalation": escalation})


def _turn(turns: Sequence[str], start: int, needed: int) -> tuple[str, ...]:
    """Who is next from `start` on; after the last one it is the first one's turn again."""
    return tuple(turns[(start + each) % len(turns)] for each in range(needed))


async def _in_turn(around: Surroundings, run: Run, request: PauseRequest, taken: Sequence[str]) -> list[str]:
    """Who can take it now, in turn. `taken`: those whose turn has just been, in the same pause."""
    able = await _who_can(around, run, request)
    last = await around.store.fetch(ListAssigned(tuple(able), run.tenant))
    turn = {person: (person in last, last.get(person, around.now())) for person in able}
    just = {person: number for number, person in enumerate(taken)}
    return sorted(able, key=lambda person: (just.get(person, -1), *turn[person]))


async def _who_can(around: Surroundings, run: Run, request: PauseRequest) -> list[str]:
    """Of those who may decide: who is there, and neither the one it is for nor the agent itself."""
    approvers, directory = request.approvers, around.directory
    barred = {*request.action.origin.agents, *(() if approvers.allow_self else (request.requested_for,))}
    named = [person for person in approvers.users if person not in barred]
    if directory is None:
        return list(dict.fromkeys(named))
    found = [*[await looked_up(directory, each) for each in named], *await _members(directory, approvers)]
    there = (each.id for each in found if each and each.belongs_to(run.tenant) and not each.is_away(around.now()))
    return [person for person in dict.fromkeys(there) if person not in barred]


async def _members(directory: Directory, approvers: Approvers) -> list[Person]:
    """Who acts in the roles that are asked. A directory that fails names nobody."""
    try:
        return [person for role in approvers.roles for person in people(await directory.members(role))]
    except Exception as exc:  # as in looked_up
        log.error("the directory of people cannot say who acts in %s: %s", ", ".join(approvers.roles), exc)
        return []

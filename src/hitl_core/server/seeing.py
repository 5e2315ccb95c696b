"""Which requests somebody sees: all of their tenant with the right `runs`, else those that they have a part in.

    the right `runs` ─► all of the tenant
    without it       ─► what names them (now, in a later stage, once it is late), or nobody in particular,
                        what was given on to them, and what they have said something to

Whoever stands in for somebody who is away sees what that person does. Lists show no more than this, and what is not
seen is answered as what there is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ..commands import GetRequest, GetRun, ListComments, ListVersions, Settled
from ..contracts import Store
from ..errors import RequestNotFound, RunNotFound
from ..people import ListsPeople, Person
from ..protocol import Approvers, Delegate, Escalation, Stage
from ..quorum import asked_at, voices
from ..runtime import inbox_of
from .auth import Right, Visitor
from .site import Site

SEES_ALL: Final = Right.RUNS
"""With it somebody sees all requests of their tenant, and not only those that are theirs."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Who has a part in a request. `anybody`: it asks nobody in particular."""

    anybody: bool
    users: frozenset[str]
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class View:
    """As whom somebody looks: their own names and roles, and those of whom they stand in for."""

    users: frozenset[str]
    roles: frozenset[str]

    def shows(self, parties: Parties) -> bool:
        return parties.anybody or not (self.users.isdisjoint(parties.users) and self.roles.isdisjoint(parties.roles))


def sees_all(visitor: Visitor) -> bool:
    """Whether somebody sees all requests of their tenant."""
    return SEES_ALL in visitor.rights


async def view_of(site: Site, visitor: Visitor) -> View:
    """Raises NotPermitted for whom the directory does not know."""
    own = await inbox_of(site.hitl, visitor.responder)
    return View(frozenset(own.users), frozenset(own.roles))


async def sees(site: Site, visitor: Visitor, settled: Settled) -> bool:
    """Whether somebody sees a request of their tenant."""
    if sees_all(visitor):
        return True
    view = await view_of(site, visitor)
    return view.shows(await parties_of(site.store, settled, site.clock.now()))


async def seen(site: Site, visitor: Visitor, request_id: str) -> Settled:
    """A request that somebody sees. Raises RequestNotFound, the same for what there is not and for what is hidden."""
    try:
        settled = await site.store.fetch(GetRequest(request_id))
        run = await site.store.fetch(GetRun(settled.request.run_id))
    except (RequestNotFound, RunNotFound):
        raise _not_seen(request_id) from None
    if not visitor.sees(run.tenant) or not await sees(site, visitor, settled):
        raise _not_seen(request_id)
    return settled


async def people_of(site: Site, visitor: Visitor) -> tuple[Person, ...]:
    """The people of somebody's tenant, by name; none where there is no directory, or one that does not list them."""
    directory: object = site.hitl.directory
    everybody = await directory.everybody() if isinstance(directory, ListsPeople) else ()
    theirs = [each for each in everybody if visitor.tenant is None or each.belongs_to(visitor.tenant)]
    return tuple(sorted(theirs, key=lambda each: (each.name or each.id).casefold()))


def _not_seen(request_id: str) -> RequestNotFound:
    return RequestNotFound(f"there is no request {request_id!r} here that you see; the inbox lists those that wait")


async def parties_of(store: Store, settled: Settled, now: datetime) -> Parties:
    """Who has a part in a request, as things stand: whom it names, and who has said something to it."""
    groups = tuple(_groups(settled, now))
    users = {user for each in groups for user in each.users} | set(_voices(settled))
    users |= {each.by.id for each in await store.fetch(ListComments(settled.request.id)) if not each.machine}
    if settled.request.draft is not None:
        versions = await store.fetch(ListVersions(settled.request.draft))
        users |= {each.by.id for each in versions if each.by is not None}
    return Parties(
        any(isinstance(each, Stage) and not (each.users or each.roles) for each in groups),
        frozenset(users),
        frozenset(role for each in groups for role in each.roles),
    )


def _groups(settled: Settled, now: datetime) -> Iterator[Stage | Escalation]:
    """All whom it names: at first, now, and once it is late. A step of an escalation that names nobody adds nobody."""
    request = settled.request
    asked: tuple[Approvers, ...] = (request.approvers, asked_at(request, settled.votes, now))
    for each in asked:
        yield from each.in_order
    yield from request.escalation


def _voices(settled: Settled) -> Iterator[str]:
    """Who has answered, for whom, and to whom it was given on."""
    for each in (*settled.votes, *((settled.response,) if settled.response is not None else ())):
        yield from voices(each.responder)
        if isinstance(each.decision, Delegate):
            yield each.decision.to

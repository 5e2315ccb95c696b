"""Who somebody is: by the directory where there is one, by their own word where there is none."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import NoReturn, cast

from ..commands import GetRun, Note, Settled, WriteNote
from ..errors import Fault, NotAuthorised, NotPermitted
from ..gate import Surroundings
from ..people import EVERY_TENANT, Act, Directory, Person
from ..protocol import ActingFor, AuditEvent, Delegate, Json, Responder, Response
from ..quorum import asked_now, is_of
from .judge import note_refusal

log = logging.getLogger("hitl_core")


async def identified(around: Surroundings, settled: Settled, response: Response) -> Response:
    """The response, its responder as the directory knows them. Raises NotAuthorised, and records it, if it does not."""
    if around.directory is None and response.responder.acting_for is None:
        return response
    run = await around.store.fetch(GetRun(settled.request.run_id))
    who, faults = await known(around, response.responder, tenant=run.tenant, path="responder")
    if not faults:
        response, faults = await _to_somebody_known(around, response, run.tenant)
    if faults:
        await note_refusal(around, response, faults)
        raise NotAuthorised(faults)
    return await _standing_in(around, settled, _by(response, who), run.tenant)


async def _to_somebody_known(around: Surroundings, response: Response, tenant: str) -> tuple[Response, list[Fault]]:
    """The response, whom it gives the request on to as the directory writes them; and why it cannot, if so."""
    if not isinstance(response.decision, Delegate):
        return response, []
    to, faults = await known(around, Responder(id=response.decision.to), tenant=tenant, path="to")
    if faults or to.id == response.decision.to:
        return response, faults
    return response.model_copy(update={"decision": response.decision.model_copy(update={"to": to.id})}), []


async def on_behalf_of(around: Surroundings, name: str | None) -> str | None:
    """For whom a run is, as the directory writes them, so that they are known again where they may not decide.

    Whom it does not know (a customer, say) stays as they were named.
    """
    if name is None or around.directory is None:
        return name
    person = await looked_up(around.directory, name)
    return name if person is None else person.id


async def _standing_in(around: Surroundings, settled: Settled, response: Response, tenant: str) -> Response:
    """The response, saying for whom it is given if its responder is not asked and stands in for one who is away."""
    who, now = response.responder, around.now()
    asked = asked_now(settled.request, settled.votes, response, now)
    if around.directory is None or is_of(who, asked):
        return response
    for person in await _away(around.directory, who.id, now):
        acting = who.model_copy(update={"acting_for": ActingFor(id=person.id, roles=person.acts_in)})
        if person.belongs_to(tenant) and is_of(acting, asked):
            return _by(response, acting)
    return response


async def _away(directory: Directory, delegate: str, now: datetime) -> list[Person]:
    """Who is away now and has named this person to decide for them. A directory that fails names nobody."""
    try:
        found = people(await directory.delegators(delegate))
    except Exception as exc:  # as in looked_up
        log.error("the directory of people cannot say for whom %r decides: %s", delegate, exc)
        return []
    return [person for person in found if person.delegate == delegate and person.is_away(now)]


async def permitted(
    around: Surroundings, act: Act, by: str | Responder, *, on: str, tenant: str | None = None
) -> Responder:
    """Who does this, as the directory knows them. Raises NotPermitted, and records it, if they may not.

    `on` is what it is done to; with a `tenant`, that is where it belongs.
    """
    who = await recognised(around, by, on=on, tenant=tenant, act=act)
    if faults := around.authority.faults(act, who):
        await _refuse(around, act, who, on, faults)
    return who


async def recognised(
    around: Surroundings, by: str | Responder, *, on: str, tenant: str | None, act: str = "see"
) -> Responder:
    """A person as the directory knows them. Raises NotPermitted, and records it, if it does not know them here."""
    who, faults = await known(around, Responder(id=by) if isinstance(by, str) else by, tenant=tenant)
    if faults:
        await _refuse(around, act, who, on, faults)
    return who


async def in_view_of(around: Surroundings, by: str | Responder) -> tuple[tuple[str, ...], tuple[str, ...], str | None]:
    """Whose requests somebody sees: users and roles (of those too for whom they stand in), and the one tenant, if any.

    Raises NotPermitted, and records it, for whom the directory does not know.
    """
    who = await recognised(around, by, on="inbox", tenant=None)
    person = None if around.directory is None else await looked_up(around.directory, who.id)
    if around.directory is None or person is None:
        return (who.id,), who.roles, None if around.directory is None else ""
    away = await _away(around.directory, who.id, around.now())
    users = (who.id, *(each.id for each in away))
    roles = (*who.roles, *(role for each in away for role in each.acts_in))
    return users, roles, None if person.tenant == EVERY_TENANT else person.tenant


async def _refuse(around: Surroundings, act: str, who: Responder, on: str, faults: list[Fault]) -> NoReturn:
    body: dict[str, Json] = {"act": act, "faults": [str(fault) for fault in faults]}
    body |= {"channel": who.channel, "authenticated_by": who.authenticated_by}
    await around.store.apply(WriteNote(Note(AuditEvent.ACT_REFUSED, on, who.id, body), around.now()))
    raise NotPermitted(faults)


def lifts_by_another(around: Surroundings) -> bool:
    """Whether a stop is lifted by another person than the one who put it in force."""
    wanted = around.authority.lift_by_another
    return around.directory is not None if wanted is None else wanted


async def known(
    around: Surroundings, who: Responder, *, tenant: str | None, path: str = "by"
) -> tuple[Responder, list[Fault]]:
    """A person as the directory knows them, and why they are refused if they are.

    With a `tenant`, also somebody of another one is refused. What authenticated them stays as it is.
    """
    who = who.model_copy(update={"acting_for": None})
    if around.directory is None:
        return who, []
    person = await looked_up(around.directory, who.id)
    if person is None:
        instead = "name somebody else" if path == "to" else "say who you are"
        return who, [Fault(path, f"{who.id!r} is not in the directory of people; have them added, or {instead}")]
    if tenant is not None and not person.belongs_to(tenant):
        whose = "is for somebody of all tenants ('*')" if tenant == EVERY_TENANT else f"is tenant {tenant!r}'s"
        return who, [Fault(path, f"{who.id!r} is of tenant {person.tenant!r}, and this {whose}")]
    return who.model_copy(update={"id": person.id, "roles": person.acts_in}), []


async def looked_up(directory: Directory, id: str) -> Person | None:
    """The person with this id. A directory that fails knows nobody."""
    try:
        person = await directory.person(id)
        return None if person is None else people((person,))[0]
    except Exception as exc:  # a directory is somebody's code or service: whatever it raises, nobody is known
        log.error("the directory of people cannot say who %r is, so they are unknown: %s", id, exc)
        return None


def people(found: Iterable[object]) -> list[Person]:
    """What a directory gives. Raises TypeError if something in it is no person."""
    there = list(found)
    for each in there:
        if not isinstance(each, Person):
            raise TypeError(f"it gives a {type(each).__name__}, and has to give a hitl_core.people.Person")
    return cast("list[Person]", there)


def _by(response: Response, who: Responder) -> Response:
    return response if response.responder == who else response.model_copy(update={"responder": who})

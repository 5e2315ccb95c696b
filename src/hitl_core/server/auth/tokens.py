"""Tokens of the API: made for a person and a tenant, for some rights and some time; shown once, kept as a digest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ...commands import ChangeSlip, DropSlips, GetSlip, ListSlips, Note, PutSlip, Slip, SlipKind, hashed
from ...errors import Fault, NotPermitted, RowCorrupt
from ...people import EVERY_TENANT
from ...protocol import AuditEvent, Json, Responder, instant, micros
from ..site import Site
from .claims import API, TOKEN, Claim, visitor_of
from .refusals import refused
from .secret import LONGEST, new_secret
from .visitor import Right, Visitor

PREFIX: Final = "hitl_"
"""With which every token begins, so that it is known for one wherever it is found."""

LASTS: Final = timedelta(days=90)
LONGEST_LIFE: Final = timedelta(days=366)
UNCHECKED: Final = timedelta(days=30)
"""How long a token lasts that is made by whom only a provider or a proxy knows: nobody says when such a person goes."""
_SEEN_EVERY: Final = timedelta(minutes=1)
_NAME: Final = 100
_ID: Final = 16
_GENERATIONS: Final = 4
"""Tokens that are made by each other, at most."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token, without what it says. `seen` is when it was last used, to the minute.

    `tenant` is the one whose things it sees; None for all that its person sees.
    """

    id: str
    name: str
    person: str
    tenant: str | None
    rights: tuple[Right, ...]
    made_at: datetime
    expires: datetime
    seen: datetime | None = None
    roles: tuple[str, ...] = ()


async def make_own(
    site: Site,
    visitor: Visitor,
    *,
    rights: Iterable[Right],
    name: str = "",
    tenant: str | None = None,
    lasts: timedelta = LASTS,
) -> tuple[str, Token]:
    """As `make`, by a visitor for themselves: for no more than they may do now, and see now.

    One that is made by a token is good for as long as that is: whoever revokes one that was stolen ends all of it.
    """
    asked = set(rights)
    if lacking := asked - visitor.rights:
        raise NotPermitted(_lacking(sorted(lacking), visitor))
    if len(visitor.by_tokens) >= _GENERATIONS:
        said = f"is made by a token that was made by a token, {_GENERATIONS} times over; sign in to make one"
        raise NotPermitted([Fault("", said)])
    if visitor.tenant is not None and tenant not in (None, visitor.tenant):
        raise NotPermitted([Fault("tenant", f"{tenant!r} is none that {visitor.name!r} sees")])
    if site.hitl.directory is None and site.serving.has_identity_provider and lasts > UNCHECKED:
        said = f"must be at most {UNCHECKED.days} days: there is no directory of people, which would say when you go"
        raise NotPermitted([Fault("lasts", said)])
    who, seen = visitor.responder, tenant or visitor.tenant
    return await make(
        site,
        person=who.id,
        rights=asked,
        by=who,
        name=name,
        tenant=seen,
        roles=who.roles,
        lasts=lasts,
        under=visitor.by_tokens,
    )


async def make(
    site: Site,
    *,
    person: str,
    rights: Iterable[Right],
    by: Responder,
    name: str = "",
    tenant: str | None = None,
    roles: tuple[str, ...] = (),
    lasts: timedelta = LASTS,
    under: tuple[str, ...] = (),
) -> tuple[str, Token]:
    """A new token, which nobody sees again, and what is known of it.

    It never lets more be done than its person may do at the time. `by` is who makes it. Its `roles` count where there
    is no directory. It is good while all those `under` which it is made are. Raises NotPermitted, saying everything
    that is in the way.
    """
    by = await _recognised(site, by)
    asked, now = tuple(sorted(set(rights), key=list(Right).index)), site.clock.now()
    visitor = await visitor_of(site, _claim(person, tenant, roles))
    faults = [*_of_person(person, tenant, visitor), *_of_rights(asked, visitor), *_of_the_rest(name, lasts)]
    if faults or visitor is None:
        raise NotPermitted(faults)
    secret = PREFIX + new_secret()
    key = hashed(secret)
    made = Token(key[:_ID], name, visitor.responder.id, tenant, asked, now, now + lasts, roles=tuple(roles))
    await site.store.apply(PutSlip(_slip(made, key, under), now, _made(made, by)))
    return secret, made


async def tokens(site: Site, *, person: str | None = None, tenant: str | None = None) -> tuple[Token, ...]:
    """The tokens that have not expired, newest first; those of one person, and those bound to one tenant."""
    found: list[Slip] = []
    cursor = None
    while True:
        asked = ListSlips(SlipKind.TOKEN, site.clock.now(), person=person, tenant=tenant, cursor=cursor)
        page = await site.store.fetch(asked)
        found += page.items
        if (cursor := page.cursor) is None:
            return tuple(map(_token, found))


async def revoke(site: Site, id: str, *, by: Responder, person: str | None = None) -> bool:
    """End a token, at once; with `person`, only one of theirs. False if there is none with this id.

    Raises NotPermitted for whom the directory does not know.
    """
    by = await _recognised(site, by)
    body: dict[str, Json] = {"channel": by.channel, "authenticated_by": by.authenticated_by}
    note = Note(AuditEvent.TOKEN_REVOKED, f"token {id}", by.id, body)
    drop = DropSlips(SlipKind.TOKEN, site.clock.now(), person=person, subject=id, note=note)
    return await site.store.apply(drop) > 0


async def find(site: Site, secret: str) -> Visitor | None:
    """Who comes with a token, with those of its rights that its person has now. One that has no person is recorded."""
    slip = await _kept(site, secret)
    if slip is None:
        return None
    token, under = _token(slip), _under(slip)
    if not all([await _stands(site, each) for each in under]):
        return None
    visitor = await visitor_of(site, _claim(token.person, token.tenant, token.roles))
    if visitor is None:
        await refused(site, token.person, TOKEN, "nobody by this name is known there", channel=API)
        return None
    await _seen(site, slip, token)
    return replace(visitor, rights=visitor.rights & frozenset(token.rights), by_tokens=(*under, slip.key))


async def _kept(site: Site, secret: str) -> Slip | None:
    if not secret.startswith(PREFIX) or len(secret) > LONGEST:
        return None
    return await _stands(site, hashed(secret))


async def _stands(site: Site, key: str) -> Slip | None:
    """The token with this digest, while it is good."""
    try:
        return await site.store.fetch(GetSlip(SlipKind.TOKEN, key, site.clock.now()))
    except RowCorrupt:
        return None


async def _seen(site: Site, slip: Slip, token: Token) -> None:
    now = site.clock.now()
    if token.seen is None or now - token.seen >= _SEEN_EVERY:
        await site.store.apply(ChangeSlip(SlipKind.TOKEN, slip.key, now, {**slip.body, "seen": micros(now)}))


async def _recognised(site: Site, by: Responder) -> Responder:
    """Who does this, as the directory knows them. Raises NotPermitted."""
    visitor = await visitor_of(site, Claim(by.id, by.authenticated_by, by.roles, channel=by.channel))
    if visitor is None:
        raise NotPermitted([Fault("by", f"{by.id!r} is not in the directory of people; say who you are")])
    return visitor.responder


# ── what is in the way ───────────────────────────────────────────────────────────────────────────────────────


def _of_person(person: str, tenant: str | None, visitor: Visitor | None) -> list[Fault]:
    if visitor is not None:
        return []
    where = "" if tenant is None else f" for tenant {tenant!r}"
    return [Fault("person", f"{person!r} is not in the directory of people{where}; name somebody who is")]


def _of_rights(rights: tuple[Right, ...], visitor: Visitor | None) -> list[Fault]:
    if not rights:
        return [Fault("rights", f"are none; name some of {', '.join(Right)}")]
    return [] if visitor is None else _lacking([right for right in rights if right not in visitor.rights], visitor)


def _lacking(rights: Iterable[Right], visitor: Visitor) -> list[Fault]:
    return [Fault("rights", f"{right.value!r} is none that {visitor.name!r} has") for right in rights]


def _of_the_rest(name: str, lasts: timedelta) -> list[Fault]:
    faults = []
    if len(name) > _NAME or not name.isprintable():
        faults.append(Fault("name", f"must be at most {_NAME} characters that can be seen"))
    if not timedelta() < lasts <= LONGEST_LIFE:
        faults.append(Fault("lasts", f"must be more than nothing and at most {LONGEST_LIFE.days} days"))
    return faults


def _claim(person: str, tenant: str | None, roles: tuple[str, ...]) -> Claim:
    return Claim(person, TOKEN, roles, tenant, API, bound=tenant is not None)


# ── as it is kept ────────────────────────────────────────────────────────────────────────────────────────────


def _slip(token: Token, key: str, under: tuple[str, ...]) -> Slip:
    tenant = EVERY_TENANT if token.tenant is None else token.tenant
    body: dict[str, Json] = {"name": token.name, "rights": [right.value for right in token.rights]}
    body |= {"roles": list(token.roles), "under": list(under)}
    return Slip(SlipKind.TOKEN, key, token.made_at, tenant, token.person, token.id, body, expires=token.expires)


def _token(slip: Slip) -> Token:
    body: Mapping[str, Json] = slip.body
    rights, seen, roles = body.get("rights"), body.get("seen"), body.get("roles")
    return Token(
        slip.subject,
        str(body.get("name", "")),
        slip.person,
        None if slip.tenant == EVERY_TENANT else slip.tenant,
        tuple(right for right in Right if isinstance(rights, list) and right.value in rights),
        slip.created_at,
        slip.expires or slip.created_at,
        instant(seen) if isinstance(seen, int) else None,
        tuple(map(str, roles)) if isinstance(roles, list) else (),
    )


def _under(slip: Slip) -> tuple[str, ...]:
    found = slip.body.get("under")
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _made(token: Token, by: Responder) -> Note:
    body: dict[str, Json] = {"to": token.person, "rights": [right.value for right in token.rights]}
    body |= {"tenant": token.tenant, "expires": token.expires.isoformat(), "name": token.name}
    body |= {"channel": by.channel, "authenticated_by": by.authenticated_by}
    return Note(AuditEvent.TOKEN_MADE, f"token {token.id}", by.id, body)

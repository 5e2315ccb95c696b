"""Sessions: begun by a sign-in under a secret of their own, found by its digest, ended by time or by hand.

A session ends at the latest `server.session` after it began, and `server.idle` after it was last used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ...commands import ChangeSlip, DropSlips, GetSlip, Note, PutSlip, Slip, SlipKind, hashed
from ...errors import RowCorrupt
from ...people import EVERY_TENANT
from ...protocol import AuditEvent, Json
from ..site import Site
from .claims import OIDC, PROXY, Claim, visitor_of
from .secret import derived, new_secret
from .visitor import Visitor

_STEPS: Final = 16
"""A session in use is made longer in so many steps of `server.idle`, so that not each look is a write."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that has begun: its secret, which only the browser keeps, and whose it is."""

    secret: str
    visitor: Visitor


async def begin(site: Site, claim: Claim, *, before: str = "") -> Opened | None:
    """Sign somebody in, under a new secret: one that the browser had `before` is dropped. None for who is not known."""
    secret, now = new_secret(), site.clock.now()
    visitor = await visitor_of(site, claim, csrf=csrf_of(secret))
    if visitor is None:
        return None
    if before:
        await site.store.apply(DropSlips(SlipKind.SESSION, now, key=hashed(before)))
    who, expires = visitor.responder, min(now + site.serving.session, now + site.serving.idle)
    body: dict[str, Json] = {"how": claim.how, "roles": list(claim.roles)}
    tenant = EVERY_TENANT if claim.tenant is None else claim.tenant
    slip = Slip(SlipKind.SESSION, hashed(secret), now, tenant, who.id, body=body, expires=expires)
    until: dict[str, Json] = {"expires": (now + site.serving.session).isoformat()}
    await site.store.apply(PutSlip(slip, now, _note(AuditEvent.SESSION_OPENED, slip.key, visitor, until)))
    return Opened(secret, visitor)


async def find(site: Site, secret: str, *, proxy: Claim | None = None) -> Visitor | None:
    """Whose session this is, if it goes on and its person is still known; it is in use from now on.

    One that began behind a proxy counts while the `proxy` says of each request that it is the same person's.
    """
    slip, now = await _slip(site, secret), site.clock.now()
    if slip is None or now >= slip.created_at + site.serving.session:
        return None
    claim = _still_said(site, _claim(slip), proxy)
    visitor = None if claim is None else await visitor_of(site, claim, csrf=csrf_of(secret))
    if visitor is None or visitor.responder.id != slip.person:
        return None
    await _used(site, slip, now)
    return visitor


async def end(site: Site, secret: str, visitor: Visitor) -> None:
    """Sign out: the secret is good for nothing from now on."""
    key = hashed(secret)
    note = _note(AuditEvent.SESSION_CLOSED, key, visitor, {})
    await site.store.apply(DropSlips(SlipKind.SESSION, site.clock.now(), key=key, note=note))


def csrf_of(secret: str) -> str:
    """What the forms of a session carry. Who reads a page of it cannot tell the session's secret from that."""
    return derived(secret, "csrf")


async def _slip(site: Site, secret: str) -> Slip | None:
    if not secret:
        return None
    try:
        return await site.store.fetch(GetSlip(SlipKind.SESSION, hashed(secret), site.clock.now()))
    except RowCorrupt:
        return None


def _still_said(site: Site, claim: Claim, proxy: Claim | None) -> Claim | None:
    """What counts of who somebody was when they signed in, now: nothing where that way in is configured no more."""
    if claim.how == PROXY:
        return proxy
    return None if claim.how == OIDC and site.serving.oidc is None else claim


async def _used(site: Site, slip: Slip, now: datetime) -> None:
    idle = site.serving.idle
    expires = min(now + idle, slip.created_at + site.serving.session)
    if slip.expires is None or expires - slip.expires >= idle / _STEPS:
        await site.store.apply(ChangeSlip(SlipKind.SESSION, slip.key, now, expires=expires))


def _claim(slip: Slip) -> Claim:
    how, roles = slip.body.get("how"), slip.body.get("roles")
    named = tuple(map(str, roles)) if isinstance(roles, list) else ()
    return Claim(slip.person, str(how), named, slip.tenant)


def _note(event: AuditEvent, key: str, visitor: Visitor, more: dict[str, Json]) -> Note:
    """A line about a session, which it names by the beginning of its digest."""
    who = visitor.responder
    body: dict[str, Json] = {"channel": who.channel, "authenticated_by": who.authenticated_by, **more}
    return Note(event, f"session {key[:12]}", who.id, body)

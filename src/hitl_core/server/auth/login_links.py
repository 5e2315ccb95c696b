"""One-time login links: for the local account, and for whoever an operator makes one for.

GET shows a page with a button, and only its POST uses the link: programs that look at links do not use it up.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

from ...commands import GetSlip, PutSlip, Slip, SlipKind, UseSlip, hashed
from ...errors import Fault, NotPermitted
from ..site import Site
from .claims import LINK, Claim, visitor_of
from .refusals import refused
from .secret import new_secret

LASTS: Final = timedelta(minutes=15)


class LinkState(StrEnum):
    """How a link stands."""

    GOOD = "good"
    USED = "used"
    GONE = "gone"
    """It has expired, or never was one."""


async def new_link(site: Site, person: str) -> str:
    """The secret of a new link that signs this person in, once, within LASTS: it goes behind `/login/`.

    Raises NotPermitted for whom the directory does not know.
    """
    if await visitor_of(site, Claim(person, LINK)) is None:
        problem = f"{person!r} is not in the directory of people, so no link signs them in; name somebody who is"
        raise NotPermitted([Fault("by", problem)])
    secret, now = new_secret(), site.clock.now()
    await site.store.apply(PutSlip(Slip(SlipKind.LINK, _key(secret), now, person=person, expires=now + LASTS), now))
    return secret


async def look(site: Site, secret: str) -> LinkState:
    """How a link stands; to look changes nothing."""
    slip = await site.store.fetch(GetSlip(SlipKind.LINK, _key(secret), site.clock.now()))
    if slip is None:
        return LinkState.GONE
    return LinkState.GOOD if slip.used_at is None else LinkState.USED


async def use(site: Site, secret: str) -> Claim | None:
    """Whom the link signs in: of all who use it, the first gets an answer. A second one is recorded."""
    key, now = _key(secret), site.clock.now()
    slip = await site.store.apply(UseSlip(SlipKind.LINK, key, now))
    if slip is not None:
        return Claim(slip.person, LINK)
    used = await site.store.fetch(GetSlip(SlipKind.LINK, key, now))
    if used is not None:
        await refused(site, used.person, LINK, "the link was used before")
    return None


def _key(secret: str) -> str:
    """Kept apart from links of messages by what stands before it."""
    return f"sign-in:{hashed(secret)}"

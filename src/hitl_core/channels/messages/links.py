"""Links of messages: one person, one request, once. Only what a secret hashes to is kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from ...commands import PutSlip, Slip, SlipKind, hashed
from ...contracts import Store
from ...protocol import Json

_BYTES = 32


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is for. `channel` is the route that carried it."""

    person: str
    request_id: str
    digest: str
    channel: str

    @classmethod
    def of(cls, slip: Slip) -> Link:
        return cls(slip.person, slip.subject, str(slip.body["digest"]), str(slip.body["channel"]))


def link_to(url: str, request_id: str) -> str:
    """A link that says nothing of who follows it: they sign in."""
    return f"{url.rstrip('/')}/requests/{request_id}"


async def mint(store: Store, link: Link, *, tenant: str, ends: datetime, now: datetime) -> str:
    """The secret of a new link, which counts until `ends`."""
    secret = secrets.token_urlsafe(_BYTES)
    body: dict[str, Json] = {"digest": link.digest, "channel": link.channel}
    slip = Slip(SlipKind.LINK, hashed(secret), now, tenant, link.person, link.request_id, body, expires=ends)
    await store.apply(PutSlip(slip, now))
    return secret

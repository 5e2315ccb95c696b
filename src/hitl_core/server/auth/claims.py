"""Claims: from what a sign-in says of somebody to a visitor, as the directory knows them, looked up each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from ...people import EVERY_TENANT, Person
from ...protocol import Responder
from ...runtime.identity import looked_up
from ..site import Site
from .rights import rights_of
from .visitor import Visitor

WEB: Final = "web"
API: Final = "api"

LINK: Final = "link"
OIDC: Final = "oidc"
PROXY: Final = "proxy"
TOKEN: Final = "token"  # noqa: S105  # a word
"""The ways to sign in, as `authenticated_by` names them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody is, as a way of signing in says; `how` is the word for it.

    `roles` count only where there is no directory, and so does `tenant`, None for all; but a token's binds it in any
    case (`bound`).
    """

    person: str
    how: str
    roles: tuple[str, ...] = ()
    tenant: str | None = None
    channel: str = WEB
    bound: bool = False


async def visitor_of(site: Site, claim: Claim, *, csrf: str = "") -> Visitor | None:
    """The visitor; None for whom the directory does not know here, or cannot say that it knows."""
    try:
        said = Responder(id=claim.person, roles=claim.roles, channel=claim.channel, authenticated_by=claim.how)
    except ValidationError:
        return None
    directory = site.hitl.directory
    if directory is None:
        alone = not site.serving.has_identity_provider
        tenant = _one(claim.tenant)
        return Visitor(said, said.id, tenant, rights_of(said.roles, site.serving, alone=alone), csrf)
    person = await looked_up(directory, claim.person)
    if person is None or (claim.bound and not person.belongs_to(claim.tenant or EVERY_TENANT)):
        return None
    return _as(person, said, claim, site, csrf)


def _as(person: Person, said: Responder, claim: Claim, site: Site, csrf: str) -> Visitor:
    who = said.model_copy(update={"id": person.id, "roles": person.acts_in})
    tenant = _one(claim.tenant if claim.bound else person.tenant)
    rights = rights_of(person.acts_in, site.serving, alone=False)
    return Visitor(who, person.name or person.id, tenant, rights, csrf)


def _one(tenant: str | None) -> str | None:
    return None if tenant == EVERY_TENANT else tenant

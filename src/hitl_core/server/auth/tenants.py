"""What is done in one tenant only, or for all of them."""

from __future__ import annotations

from ...errors import Fault, NotPermitted
from ...people import EVERY_TENANT
from ..site import Site
from .visitor import Visitor


def one_tenant(said: object) -> str | None:
    """The tenant that a provider or a proxy says; None for what is not the name of one: nobody is of all by their word.

    That somebody is of all tenants is for the directory of people to say.
    """
    is_one = isinstance(said, str) and bool(said.strip()) and said.isprintable() and "," not in said
    return said.strip() if is_one and isinstance(said, str) and said.strip() != EVERY_TENANT else None


def require_home(site: Site, visitor: Visitor, what: str) -> None:
    """Raises NotPermitted for somebody of another tenant than this server's own, which is the one `what` is done in."""
    home = site.hitl.settings.tenant
    if not visitor.sees(home):
        raise NotPermitted([Fault("", f"{what} is done in tenant {home!r} here, and you are of {visitor.tenant!r}")])


def require_all(visitor: Visitor, what: str) -> None:
    """Raises NotPermitted for somebody of one tenant, where `what` is about all of them."""
    if visitor.tenant is not None:
        raise NotPermitted([Fault("", f"{what} is of all tenants, and so for somebody of all of them ('*')")])

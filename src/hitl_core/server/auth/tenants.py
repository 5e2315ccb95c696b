"""What is done in one tenant only, or for all of them."""

from __future__ import annotations

from ...errors import Fault, NotPermitted
from ..site import Site
from .visitor import Visitor


def require_home(site: Site, visitor: Visitor, what: str) -> None:
    """Raises NotPermitted for somebody of another tenant than this server's own, which is the one `what` is done in."""
    home = site.hitl.settings.tenant
    if not visitor.sees(home):
        raise NotPermitted([Fault("", f"{what} is done in tenant {home!r} here, and you are of {visitor.tenant!r}")])


def require_all(visitor: Visitor, what: str) -> None:
    """Raises NotPermitted for somebody of one tenant, where `what` is about all of them."""
    if visitor.tenant is not None:
        raise NotPermitted([Fault("", f"{what} is of all tenants, and so for somebody of all of them ('*')")])

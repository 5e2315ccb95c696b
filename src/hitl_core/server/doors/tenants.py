"""What of all tenants somebody sees, and what is done for one of them only."""

from __future__ import annotations

from ...errors import Fault, NotPermitted
from ..site import Site
from .visitor import Visitor


def sees(visitor: Visitor, tenant: str) -> bool:
    """Whether somebody sees what is this tenant's."""
    return visitor.tenant in (None, tenant)


def require_home(site: Site, visitor: Visitor, what: str) -> None:
    """Raises NotPermitted for somebody of another tenant than this server's own, which is the one `what` is done in."""
    home = site.hitl.settings.tenant
    if not sees(visitor, home):
        raise NotPermitted([Fault("", f"{what} is done in tenant {home!r} here, and you are of {visitor.tenant!r}")])


def require_all(visitor: Visitor, what: str) -> None:
    """Raises NotPermitted for somebody of one tenant, where `what` is about all of them."""
    if visitor.tenant is not None:
        raise NotPermitted([Fault("", f"{what} is of all tenants, and so for somebody of all of them ('*')")])

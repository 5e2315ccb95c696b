"""What happens, as it happens: the audit trail as Server-Sent Events, for programs and for pages.

happened  what is told of a line, and to whom
hub       one follower of the trail, and everybody who listens to it
streams   whole events for programs; names of what has changed for pages
theirs    what of the events of requests is for whom
routes    where they are had
"""

from __future__ import annotations

from .hub import Hub, tip
from .routes import feed, hub_of

__all__ = ["Hub", "feed", "hub_of", "tip"]

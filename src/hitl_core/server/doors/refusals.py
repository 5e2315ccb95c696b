"""Who was not let in, as a line of the trail: of somebody who was named by a door, or by a record of ours.

What anybody can send without having been given anything is logged at most: nobody fills the trail from outside.
"""

from __future__ import annotations

from ...commands import Note, WriteNote
from ...protocol import AuditEvent
from ..site import Site
from .known import WEB


async def refused(site: Site, person: str, how: str, why: str, *, channel: str = WEB) -> None:
    """Record that this person, or whoever came as them, was not let in."""
    note = Note(
        AuditEvent.SESSION_REFUSED, "session", person, {"channel": channel, "authenticated_by": how, "why": why}
    )
    await site.store.apply(WriteNote(note, site.clock.now()))

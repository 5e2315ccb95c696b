"""Who was not let in, as a line of the trail: of somebody who was named by a way to sign in, or by a record of ours.

What anybody can send without having been given anything is logged at most: nobody fills the trail from outside.
"""

from __future__ import annotations

from typing import Final

from ...commands import Note, WriteNote
from ...protocol import AuditEvent, Json
from ..site import Site
from .claims import WEB

_LONGEST: Final = 256
"""Characters that a name has at most (protocol/record.py)."""


async def refused(site: Site, person: str, how: str, why: str, *, channel: str = WEB) -> None:
    """Record that this person, or whoever came as them, was not let in."""
    body: dict[str, Json] = {"channel": channel, "authenticated_by": how, "why": why}
    note = Note(AuditEvent.SESSION_REFUSED, "session", person[:_LONGEST], body)
    await site.store.apply(WriteNote(note, site.clock.now()))

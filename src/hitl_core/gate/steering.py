"""Guidance on its way into a conversation: what enters at a place, and in which words a model reads it."""

from __future__ import annotations

from typing import Final

from ..commands import Lease, ListGuidance, TakeGuidance
from ..protocol import Guidance, GuidanceState
from .surroundings import Surroundings

NO_PERMISSION: Final = "It is guidance and no approval: whatever needs one still has to ask for it."


async def enters(
    around: Surroundings, lease: Lease, place: str, *, within: str = "", replayed: bool = False, seals: bool = False
) -> tuple[Guidance, ...]:
    """What enters at `place`, oldest first; asked again, the same comes back. Where nothing waits, nothing is written.

    With `within`, also what has entered at places that begin so. `replayed`: what follows that place has happened
    already, so that nothing new may enter there. `seals` is as in TakeGuidance. Raises LeaseLost.
    """
    query = ListGuidance(lease.run_id)
    known = await around.store.fetch(query)
    if not replayed and (seals or any(each.state is GuidanceState.QUEUED for each in known)):
        await around.store.apply(TakeGuidance(lease, place, around.now(), seals))
        known = await around.store.fetch(query)
    return tuple(each for each in known if each.place == place or (within and each.place.startswith(within)))


def guiding(given: Guidance) -> str:
    """Guidance as a model reads it: a person's words, marked as such."""
    return f"Guidance from {given.by.id}, a person who oversees this run:\n\n{given.text}\n\n({NO_PERMISSION})"

"""Rows of guidance, and the records that they are read as."""

from __future__ import annotations

from typing import Any, Final

from ....protocol import Guidance, GuidanceState, instant
from .bodies import checked, unpack
from .rows import word

GUIDANCE: Final = """SELECT g.state, g.place, g.settled, b.digest, b.data
    FROM hitl_guidance g LEFT JOIN hitl_bodies b ON b.key = g.body WHERE g.run = ?"""


def guidance_record(row: tuple[Any, ...]) -> Guidance:
    """The Guidance of a GUIDANCE row. Raises RowCorrupt."""
    state, place, settled, digest, data = row
    given = Guidance.model_validate_json(unpack(checked(digest, data, what="guidance")))
    moved = {
        "state": word(GuidanceState, state, "guidance", given.id),
        "place": place or "",
        "settled_at": None if settled is None else instant(settled),
    }
    return given.model_copy(update=moved)

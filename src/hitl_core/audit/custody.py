"""Custody: what it takes to seal and to verify one trail."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Custody:
    """The secret (never shown), the trail's origin (its lasting name), and the file of its anchors, if any.

    `remembered` is the anchor that the store itself keeps, as a signed line; "" if there was none yet.
    """

    secret: bytes = field(repr=False)
    origin: str
    anchors: Path | None
    remembered: str = ""

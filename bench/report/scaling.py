"""docs/scaling.md, calculated from the kept results."""

from __future__ import annotations

from typing import Final

from .results import Kept

SCALING: Final = "scaling.md"


def scaling(parts: dict[str, Kept]) -> str:
    """The page."""
    return "# Scaling\n"

"""Doors: how somebody comes in, and what they may do then."""

from __future__ import annotations

from .asking import needs, visitor
from .visitor import Right, Visitor

__all__ = ["Right", "Visitor", "needs", "visitor"]

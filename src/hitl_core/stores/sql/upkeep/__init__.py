"""Upkeep: what whoever runs a store does to it as a whole; no run and no person asks for any of it."""

from .versions import Space, Versions

__all__ = [
    "Space",
    "Versions",
]

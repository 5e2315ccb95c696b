"""How commands reach the server: one transaction each, with locks that do what a single writer does for a file."""

from .engine import Engine, shares

__all__ = ["Engine", "shares"]

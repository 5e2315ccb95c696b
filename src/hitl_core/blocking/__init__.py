"""The same without an event loop: the sync face of the runtime, and the portal that carries it."""

from __future__ import annotations

from .runtime import BlockingRuntime, connect_blocking

__all__ = ["BlockingRuntime", "connect_blocking"]

"""Links of messages: `/l/SECRET` shows what a message was about, and lets its person decide it once."""

from __future__ import annotations

from .router import links

__all__ = ["links"]

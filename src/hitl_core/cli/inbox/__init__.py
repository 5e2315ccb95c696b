"""`hitl inbox --watch`: the inbox as a whole screen, with the keys of the web inbox.

app (list, one request, keys) ─► asking (one screen for each thing that is asked for) ─► replies (pure: → a decision)
    └► holding: an answer waits a few seconds before it is given, and can be taken back
"""

from __future__ import annotations

from .app import InboxApp

__all__ = ["InboxApp"]

"""The inbox, its HTTP API and its events, as one ASGI application that can be mounted under another.

hitl ─► app ─► guards ─► doors (who is it?) ─► api    JSON, for programs
                                             ├► pages  HTML, for people
                                             └► feed   events, for both
"""

from __future__ import annotations

from .app import create_app
from .site import Site

__all__ = ["Site", "create_app"]

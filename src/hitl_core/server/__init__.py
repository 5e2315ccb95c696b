"""The inbox, its HTTP API and its events, as one ASGI application that can be mounted under another.

request ─► middleware (limits, headers, CSRF) ─► auth (who is it?) ─► api    JSON, for programs   ─► runtime
                                                                   ├► pages  HTML, for people
                                                                   └► feed   events, for both (SSE)
           hooks (Slack and webhooks, signed) and links (of messages, one-time) come without a session

app puts it together · site is what all of it works with · probes are /healthz, /readyz, /metrics · listening is uvicorn
"""

from __future__ import annotations

from .app import create_app
from .site import Site

__all__ = ["Site", "create_app"]

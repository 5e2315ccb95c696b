"""The app of a conformance scene in LangGraph: an agent built from a spec; unchanged graphs for native pauses."""

from __future__ import annotations

from hitl_core.testing.conformance import SpecKit

NAME = "langgraph"


class Kit(SpecKit):
    """Scenes as agents."""

    backend = NAME

"""The app of a conformance scene in CrewAI: a crew from a spec."""

from __future__ import annotations

from hitl_core.testing.conformance import SpecKit

from .adapter import NAME


class Kit(SpecKit):
    """Scenes as crews."""

    backend = NAME

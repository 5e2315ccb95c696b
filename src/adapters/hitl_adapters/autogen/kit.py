"""The app of a conformance scene in AutoGen: an agent from a spec."""

from __future__ import annotations

from hitl_core.testing.conformance import SpecKit

from .adapter import NAME


class Kit(SpecKit):
    """Scenes as agents."""

    backend = NAME

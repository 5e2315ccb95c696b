"""What runs under oversight: an app in its framework's own idiom, or an AgentSpec that any backend can build."""

from __future__ import annotations

from .source import AppSource
from .spec import AgentSpec, ModelSpec, room_faults

__all__ = ["AgentSpec", "AppSource", "ModelSpec", "room_faults"]

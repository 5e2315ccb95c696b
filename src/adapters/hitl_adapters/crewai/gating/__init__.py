"""How CrewAI's calls and pauses reach the gate: hooks for tools and steps, providers for reviews and flows."""

from .flows import oversee_flows
from .handoff import hand_over
from .hooks import install, stay_installed
from .reviews import Reviews
from .tools import HANDS_DOWN, NEUTRAL

__all__ = ["HANDS_DOWN", "NEUTRAL", "Reviews", "hand_over", "install", "oversee_flows", "stay_installed"]

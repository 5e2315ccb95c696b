"""Agents of ours in the SDK's own terms: from an AgentSpec (spec), and one whose model is a person (people)."""

from .people import human_agent, lead_back, strip_human_turns
from .spec import Models, build_agent

__all__ = ["Models", "build_agent", "human_agent", "lead_back", "strip_human_turns"]

"""Which model the agents in this folder speak with."""

from __future__ import annotations

import os

from agents import OpenAIChatCompletionsModel
from openai import AsyncOpenAI


def chat_model() -> OpenAIChatCompletionsModel:
    """Any OpenAI-compatible one; its address and key come from the environment."""
    return OpenAIChatCompletionsModel(os.environ.get("EXISTING_AGENTS_MODEL", "gpt-4o-mini"), AsyncOpenAI())

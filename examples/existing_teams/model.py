"""The model of these teams: any OpenAI-compatible one, from the environment."""

from __future__ import annotations

import os

from autogen_core.models import ModelFamily, ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient


def client() -> OpenAIChatCompletionClient:
    """A client for OPENAI_BASE_URL, OPENAI_API_KEY and EXISTING_TEAMS_MODEL."""
    info = ModelInfo(
        vision=False, function_calling=True, json_output=True, family=ModelFamily.UNKNOWN, structured_output=False
    )
    return OpenAIChatCompletionClient(
        model=os.environ.get("EXISTING_TEAMS_MODEL", "gpt-4o-mini"),
        base_url=os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1",
        model_info=info,
    )

"""An agent's state, with that of the parts that AutoGen does not save with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autogen_agentchat.agents import BaseChatAgent


class Whole:
    """One agent as it was before it was held, and its parts by name."""

    def __init__(self, agent: BaseChatAgent, parts: Mapping[str, Any]) -> None:
        self._save, self._load, self._parts = agent.save_state, agent.load_state, parts

    async def save(self) -> Mapping[str, Any]:
        parts = {name: await part.save_state() for name, part in self._parts.items()}
        return {"agent": dict(await self._save()), "parts": parts}

    async def load(self, state: Mapping[str, Any]) -> None:
        await self._load(state["agent"])
        for name, part in self._parts.items():
            await part.load_state(state["parts"][name])

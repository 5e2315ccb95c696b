"""The desk of the OpenAI Agents adapter's tests: agents, with a scripted model whose calls they look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agents import OpenAIChatCompletionsModel
from openai import AsyncOpenAI

from hitl_core.testing.scripted_model import CallEntry, ScriptedModel, repeated_calls
from tests import desk as desks
from tests.desk import READS
from tests.ledger import LEDGER, record, recorded
from tests.people import answering, approve, choosing, editing, reject


def chat_model(url: str) -> OpenAIChatCompletionsModel:
    """The SDK's own client for the model at `url`."""
    return OpenAIChatCompletionsModel(model="m", openai_client=AsyncOpenAI(api_key="test", base_url=url))


@dataclass
class Desk(desks.Desk):
    """One app, made from its model's address: an agent, an AgentApp, a context manager of one, or an AgentSpec."""

    backend = "openai_agents"
    model: ScriptedModel
    harmless: tuple[str, ...] = field(default=("look_up",), kw_only=True)

    def target(self) -> Any:
        return self.app(self.model.base_url)

    @property
    def calls(self) -> tuple[CallEntry, ...]:
        return self.model.calls

    @property
    def asked(self) -> tuple[int, int]:
        """How many calls the model got, and how many of them it had got before."""
        return len(self.calls), sum(len(group) - 1 for group in repeated_calls(self.calls))

    @property
    def last(self) -> list[dict[str, Any]]:
        """The messages of the last request that the model got."""
        body: Any = self.calls[-1].body
        return list(body["messages"])

    def heard(self, role: str = "tool") -> list[str]:
        """The texts of one role in the last request that the model got."""
        return [str(each["content"]) for each in self.last if each["role"] == role]


__all__ = [
    "LEDGER",
    "READS",
    "Desk",
    "answering",
    "approve",
    "chat_model",
    "choosing",
    "editing",
    "record",
    "recorded",
    "reject",
]

"""Teams as their authors write them: nothing in here knows of any oversight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autogen_agentchat.agents import AssistantAgent, BaseChatAgent, UserProxyAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, TextMessage
from autogen_core import CancellationToken
from autogen_core.models import ModelFamily, ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient

from hitl_core.testing.scripted_model import Conversation, Rule, Script, ScriptedModel, Step

from .desk import record

INFO = ModelInfo(
    vision=False, function_calling=True, json_output=True, family=ModelFamily.UNKNOWN, structured_output=False
)


def client(model: ScriptedModel, name: str = "m") -> OpenAIChatCompletionClient:
    return OpenAIChatCompletionClient(model=name, base_url=model.base_url, api_key="test", model_info=INFO)


def assistant(model: ScriptedModel, name: str, **options: Any) -> AssistantAgent:
    """An agent whose model goes by its name."""
    return AssistantAgent(name, client(model, name), description=f"the {name}", **options)


def user(name: str = "user") -> UserProxyAgent:
    def input_func(prompt: str) -> str:
        raise AssertionError("the terminal was asked")

    return UserProxyAgent(name, description="a person", input_func=input_func)


def cast_of(**lines: Sequence[Step | str]) -> Script:
    """What each agent says, turn by turn."""
    return Script(conversations=tuple(_conversation(name, steps) for name, steps in lines.items()))


def _conversation(name: str, steps: Sequence[Step | str]) -> Conversation:
    made = [Step(say=each) if isinstance(each, str) else each for each in steps]
    rules = tuple(each for each in made if isinstance(each, Rule))
    return Conversation(
        name=name, model=name, rules=rules, steps=tuple(each for each in made if not isinstance(each, Rule))
    )


class Stranger(BaseChatAgent):
    """An agent of somebody's own, with an effect and a memory."""

    def __init__(self, name: str = "stranger", on_turn: Callable[[], None] | None = None) -> None:
        super().__init__(name, "acts by itself")
        self._turns = 0
        self._on_turn = on_turn

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        self._turns += 1
        record("stranger", turn=self._turns)
        if self._on_turn is not None:
            self._on_turn()
        return Response(chat_message=TextMessage(content=f"turn {self._turns}", source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        self._turns = 0

    async def save_state(self) -> dict[str, Any]:
        return {"turns": self._turns}

    async def load_state(self, state: Any) -> None:
        self._turns = state["turns"]

"""A chat model inside the process that plays turns by their number and keeps what it was sent."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field


def call(name: str, id: str | None = None, /, **arguments: Any) -> dict[str, Any]:
    """A tool call in a turn."""
    return {"name": name, "args": arguments, "id": id or f"{name}-1", "type": "tool_call"}


class PlayedModel(BaseChatModel):
    """`turns[n]` answers the request that holds n answers already: its text, its calls, or a whole message."""

    turns: list[Any]
    seen: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "played"

    def bind_tools(self, tools: Any, **options: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **options: Any) -> ChatResult:
        self.seen.append(list(messages))
        turn = self.turns[sum(isinstance(message, AIMessage) for message in messages)]
        if isinstance(turn, AIMessage):
            said = turn
        else:
            said = AIMessage(turn) if isinstance(turn, str) else AIMessage("", tool_calls=list(turn))
        return ChatResult(generations=[ChatGeneration(message=said)])

    def told(self) -> list[str]:
        """The tool messages of the last request, as the model read them."""
        return [str(message.content) for message in self.seen[-1] if message.type == "tool"]

"""The app of a conformance scene in the OpenAI Agents SDK: an agent from a spec, and an unchanged agent that pauses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, Model, ModelResponse, Usage, function_tool
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from hitl_core.capabilities import Capability
from hitl_core.errors import CapabilityNotSupported
from hitl_core.testing.conformance import SpecKit, Stage

from .adapter import NAME


class Kit(SpecKit):
    """Scenes as agents; the native pause as an agent whose tool needs approval."""

    backend = NAME

    def native(self, pause: str, stage: Stage) -> Any:
        """An agent as the SDK's own documentation writes it. The SDK has no pause that asks for words."""
        if pause != "approval":
            because = "the SDK pauses for approvals only; it has no question of its own to lift"
            raise CapabilityNotSupported(NAME, Capability.LIFT_NATIVE_PAUSES, because)

        @function_tool(needs_approval=True)
        async def pay(order: str, amount: float) -> str:
            """Pay money back."""
            return stage.pays(order, amount)

        return Agent(name="desk", model=_Pays(stage), tools=[pay])


class _Pays(Model):
    """Wants to pay once, and is done when it hears what came of it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def get_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> ModelResponse:
        items = [] if isinstance(input, str) else list(input)
        heard = [str(item["output"]) for item in items if item.get("type") == "function_call_output"]
        self._stage.think(f"turn {len(heard)}")
        for text in heard:
            self._stage.hear(text)
        return ModelResponse(output=[_said(heard) if heard else _wanted()], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


def _wanted() -> ResponseFunctionToolCall:
    arguments = '{"order": "A-1042", "amount": 40.5}'
    return ResponseFunctionToolCall(type="function_call", name="pay", call_id="pay-1", arguments=arguments)


def _said(heard: list[str]) -> ResponseOutputMessage:
    part = ResponseOutputText(type="output_text", text=heard[-1], annotations=[])
    return ResponseOutputMessage(id="said", type="message", role="assistant", status="completed", content=[part])

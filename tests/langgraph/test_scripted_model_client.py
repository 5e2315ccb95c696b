"""The scripted model through LangChain's real OpenAI client, and a real agent loop on it."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from hitl_core.testing.scripted_model import (
    Call,
    Conversation,
    Drop,
    Refuse,
    Script,
    ScriptedModel,
    Step,
    repeated_calls,
)

TWO_REFUNDS = Step(
    call=(
        Call(name="refund", arguments={"order": "A-1", "amount": 40}),
        Call(name="refund", arguments={"order": "A-2", "amount": 60}),
    )
)
SCRIPT = Script.of(TWO_REFUNDS, Step(say="Both are refunded."))


@tool
def refund(order: str, amount: int) -> str:
    """Pay money back."""
    return f"refunded {amount} for {order}"


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(SCRIPT) as running:
        yield running


def client(model: ScriptedModel, **options: Any) -> ChatOpenAI:
    settings: dict[str, Any] = {"model": "scripted", "base_url": model.base_url, "api_key": "test"}
    return ChatOpenAI(**settings, **options)


def test_invoke_with_parallel_calls(model: ScriptedModel) -> None:
    message = client(model).bind_tools([refund]).invoke("refund both")
    assert [call["args"] for call in message.tool_calls] == [
        {"order": "A-1", "amount": 40},
        {"order": "A-2", "amount": 60},
    ]
    assert message.response_metadata["finish_reason"] == "tool_calls"
    assert message.usage_metadata is not None
    assert message.usage_metadata["total_tokens"] > 0


async def test_ainvoke_gives_the_same_ids(model: ScriptedModel) -> None:
    chat = client(model).bind_tools([refund])
    once, again = await chat.ainvoke("refund both"), await chat.ainvoke("refund both")
    assert [call["id"] for call in once.tool_calls] == [call["id"] for call in again.tool_calls]
    assert len(repeated_calls(model.calls)) == 1


def test_stream_text(model: ScriptedModel) -> None:
    chat = client(model, stream_usage=True)
    asked = chat.invoke("refund both")
    results = [ToolMessage("ok", tool_call_id=call["id"]) for call in asked.tool_calls]
    parts = list(chat.stream([HumanMessage("refund both"), asked, *results]))
    whole = _joined(parts)
    assert whole.content == "Both are refunded."
    assert sum(bool(part.content) for part in parts) > 1
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] == 5


async def test_astream_parallel_calls(model: ScriptedModel) -> None:
    chat = client(model).bind_tools([refund])
    whole = _joined([part async for part in chat.astream("refund both")])
    assert [(call["name"], call["args"]["order"]) for call in whole.tool_calls] == [
        ("refund", "A-1"),
        ("refund", "A-2"),
    ]
    assert [call["id"] for call in whole.tool_calls] == [call["id"] for call in chat.invoke("refund both").tool_calls]


@pytest.mark.parametrize("streaming", [False, True])
def test_an_agent_loop_of_two_steps(model: ScriptedModel, streaming: bool) -> None:
    agent = create_agent(client(model, streaming=streaming), [refund], system_prompt="You refund.")
    state = agent.invoke({"messages": [HumanMessage("refund both")]})
    texts = [message.text for message in state["messages"]]
    assert texts == ["refund both", "", "refunded 40 for A-1", "refunded 60 for A-2", "Both are refunded."]
    assert [entry.step for entry in model.calls] == ["main.steps.0", "main.steps.1"]
    assert not repeated_calls(model.calls)


def test_a_sub_agent_has_its_own_conversation() -> None:
    script = Script(
        conversations=(Conversation(name="clerk", system="You are the clerk", steps=SCRIPT.steps),),
        steps=(
            Step(call=(Call(name="ask_clerk", arguments={"request": "refund both"}),)),
            Step(say="The clerk said: {{tool_result}}"),
        ),
    )
    with ScriptedModel(script) as model:
        clerk = create_agent(client(model), [refund], system_prompt="You are the clerk.")

        @tool
        def ask_clerk(request: str) -> str:
            """Hand a request to the clerk."""
            return str(clerk.invoke({"messages": [HumanMessage(request)]})["messages"][-1].text)

        desk = create_agent(client(model), [ask_clerk], system_prompt="You are the desk.")
        state = desk.invoke({"messages": [HumanMessage("please")]})
        steps = [entry.step for entry in model.calls]
    assert state["messages"][-1].text == "The clerk said: Both are refunded."
    assert steps == ["main.steps.0", "clerk.steps.0", "clerk.steps.1", "main.steps.1"]


def test_no_step_is_a_bad_request_and_is_not_retried(model: ScriptedModel) -> None:
    history = [HumanMessage("a"), AIMessage("b"), AIMessage("c"), HumanMessage("d")]
    with pytest.raises(openai.BadRequestError, match="no answer for this request"):
        client(model).invoke(history)
    assert len(model.calls) == 1


def test_the_client_retries_a_rate_limit() -> None:
    limited = Step(say="At last.", fault=Refuse(status=429, retry_after=0.01, times=2))
    with ScriptedModel(Script.of(limited)) as model:
        assert client(model, max_retries=2).invoke("hi").content == "At last."
        assert [entry.status for entry in model.calls] == [429, 429, 200]
        assert not repeated_calls(model.calls)


def test_the_client_notices_a_cut_stream() -> None:
    cut = Step(say="A long enough answer.", fault=Drop(drop_after=2))
    with ScriptedModel(Script.of(cut)) as model:
        parts = client(model).stream("hi")
        assert next(parts) is not None
        with pytest.raises((openai.APIConnectionError, httpx.TransportError)):  # by the client's version
            list(parts)


def _joined(parts: list[Any]) -> AIMessageChunk:
    """The message that the parts of a stream add up to."""
    whole: AIMessageChunk = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole

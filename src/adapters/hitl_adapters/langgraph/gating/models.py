"""Guidance on its way to the model: around the model call of an agent, or asked for by a node that calls a model.

It is a message of the conversation, in front of the model's answer to it, so that later calls have it where it was. The
place is named after the message before it, not after the task: when a model call is made again, after a crash, a
failure or a fork, the same guidance enters there, under the same id.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from langchain.agents.middleware import ModelRequest, ModelResponse
from langchain_core.messages import HumanMessage, ToolMessage
from langgraph.config import get_config

from hitl_core.errors import HitlError
from hitl_core.gate import guiding

from ..suspend import Current, Halt, current, running
from .clients import with_client_tools

Model = ModelRequest[Any]
Reply = ModelResponse[Any]


def guided(request: Model, handler: Callable[[Model], Reply]) -> Reply:
    """A model call in a graph that runs in a thread, with the guidance that enters there."""
    now = running()
    told = [] if now is None else _unsaid(request, now.gate.blocking(_entering(now, _place(request))))
    return _with(told, handler(_asking(now, request, told)))


async def aguided(request: Model, handler: Callable[[Model], Awaitable[Reply]]) -> Reply:
    """The same for a graph that runs on the event loop."""
    now = running()
    told = [] if now is None else _unsaid(request, await _entering(now, _place(request)))
    return _with(told, await handler(_asking(now, request, told)))


def guidance() -> list[HumanMessage]:
    """What people have said to the agent and enters at this place, for a node that calls a model itself.

    Put the messages in front of the model's answer in the state too. Raises NoRun outside a run.
    """
    now = current("guidance")
    return now.gate.blocking(_entering(now, _place_in_node(now)))


async def aguidance() -> list[HumanMessage]:
    """`guidance` for a node that runs on the event loop."""
    now = current("guidance")
    return await _entering(now, _place_in_node(now))


async def _entering(now: Current, place: str) -> list[HumanMessage]:
    try:
        given = await now.gate.entering(place)
    except HitlError as exc:
        raise Halt(str(exc)) from exc
    return [HumanMessage(guiding(each), id=f"hitl-guidance-{each.id}") for each in given]


def _place(request: Model) -> str:
    """The agent's node, without its task, and the message that the guidance comes after: its number and its id.

    The result of a call is the same place whatever the result is, so that a run which is taken back comes there again.
    """
    node = str(get_config().get("configurable", {}).get("checkpoint_ns", "")).rpartition(":")[0]
    messages = request.state.get("messages", [])
    last = messages[-1] if messages else None
    name = last.tool_call_id if isinstance(last, ToolMessage) else getattr(last, "id", None)
    return f"{node}/after {len(messages)}:{name or ''}"


def _unsaid(request: Model, told: list[HumanMessage]) -> list[HumanMessage]:
    """Those that the conversation does not have."""
    said = {each.id for each in request.state.get("messages", [])}
    return [each for each in told if each.id not in said]


def _place_in_node(now: Current) -> str:
    return now.place(get_config().get("configurable", {}), "guidance")


def _asking(now: Current | None, request: Model, told: list[HumanMessage]) -> Model:
    asked = request if now is None else with_client_tools(now, request)
    return asked.override(messages=[*asked.messages, *told]) if told else asked


def _with(told: list[HumanMessage], reply: Reply) -> Reply:
    return replace(reply, result=[*told, *reply.result]) if told else reply

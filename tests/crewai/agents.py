"""Agents, crews and tools under test: from a neutral spec, and as CrewAI's users write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from crewai import LLM, Agent, Crew, Task
from crewai.tools import BaseTool
from crewai.tools import tool as crewai_tool
from pydantic import Field

from hitl_core import AgentSpec, ModelSpec, current_call, tool
from hitl_core.tools import Tool

from .desk import record, recorded


@tool(reversible=True)
async def look_up(order: str) -> str:
    """Look at an order."""
    record("looked", order=order)
    return f"{order} cost 12"


@tool
async def refund(order: str, amount: Annotated[float, Field(gt=0)]) -> str:
    """Pay back."""
    record("refund", order=order, amount=amount, key=current_call().key)
    return f"paid {amount} for {order}"


@tool
def breaks(order: str) -> str:
    """Raises after it has had its effect."""
    record("breaks", order=order)
    raise RuntimeError("the bank is closed")


def spec(*tools: Tool, **more: Any) -> Callable[[str], AgentSpec]:
    """An agent in neutral words."""
    return lambda url: AgentSpec("desk", "You work at a desk.", tools, ModelSpec("m", url), **more)


# ── as CrewAI's users write them ─────────────────────────────────────────────────────────────────────────────


def model(url: str, **more: Any) -> LLM:
    return LLM(model="m", provider="openai", base_url=url, api_key="test", **more)


class Refund(BaseTool):
    name: str = "refund"
    description: str = "Pay back."

    def _run(self, order: str, amount: float) -> str:
        record("refund", order=order, amount=amount, key=current_call().key)
        return f"paid {amount} for {order}"


class LookUp(BaseTool):
    name: str = "look_up"
    description: str = "Look at an order."

    def _run(self, order: str) -> str:
        record("looked", order=order)
        return f"{order} cost 12"


class Reset(BaseTool):
    name: str = "reset"
    description: str = "Take everything back; takes no arguments, or a reason."

    def _run(self, reason: str = "none") -> str:
        record("reset", reason=reason)
        return f"reset because of {reason}"


@crewai_tool("refund")
async def async_refund(order: str, amount: float) -> str:
    """Pay back."""
    record("refund", order=order, amount=amount, key=current_call().key)
    return f"paid {amount} for {order}"


def agent(url: str, *tools: Any, role: str = "clerk", **more: Any) -> Agent:
    given: dict[str, Any] = {"goal": "Serve the customer", "backstory": f"You are a {role}.", "llm": model(url)}
    return Agent(**{**given, "role": role, "tools": list(tools), **more})


def answer_of(crew: Crew) -> str:
    """Kick a crew off where it stands; its last words."""
    result: Any = crew.kickoff()
    return str(result.raw)


def crew(*tools: Any, task: dict[str, Any] | None = None, **agent_options: Any) -> Callable[[str], Callable[[], Crew]]:
    """A crew of one agent with one task."""

    def build(url: str) -> Callable[[], Crew]:
        def make() -> Crew:
            clerk = agent(url, *[each() if isinstance(each, type) else each for each in tools], **agent_options)
            work = Task(description="Handle order A.", expected_output="A summary.", agent=clerk, **(task or {}))
            return Crew(agents=[clerk], tasks=[work])

        return make

    return build


def effects(name: str) -> list[dict[str, Any]]:
    return [each for each in recorded() if each["effect"] == name]

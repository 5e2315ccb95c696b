"""Unchanged agents, as their developers write them, and their tools."""

from __future__ import annotations

from typing import Any

from agents import Agent, RunContextWrapper, Tool, function_tool

from .desk import chat_model, record


def function_tools(**approval: Any) -> list[Tool]:
    """`look_up` and `refund`; `refund` as `approval` says."""

    @function_tool
    def look_up(order: str) -> str:
        """Look at an order."""
        record("look_up", order=order)
        return f"{order} cost 12"

    async def refund(order: str, amount: float, note: str = "") -> str:
        """Pay back."""
        record("refund", order=order, amount=amount)
        return f"paid {amount} for {order}"

    return [look_up, function_tool(**approval)(refund)]


async def above_ten(context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> bool:
    return bool(arguments["amount"] > 10)


def unchanged(url: str, **more: Any) -> Agent[Any]:
    tools = function_tools(needs_approval=True)
    return Agent(name="desk", instructions="You are a desk.", model=chat_model(url), tools=tools, **more)

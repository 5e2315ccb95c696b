"""An office that plans with a gardener (an agent used as a tool) and passes complaints on (a handoff)."""

from __future__ import annotations

from typing import Any

from agents import Agent, function_tool

from .ledger import record
from .model import chat_model


@function_tool(needs_approval=True)
def cut_hedge(street: str, metres: int) -> str:
    """Cut a hedge. It takes years to grow back."""
    record("hedge_cut", street=street, metres=metres)
    return f"{metres} metres cut in {street}"


@function_tool(needs_approval=True)
def promise_visit(street: str, day: str) -> str:
    """Promise a visit to somebody who complained."""
    record("visit_promised", street=street, day=day)
    return f"somebody comes to {street} on {day}"


def build() -> Agent[Any]:
    """Run it with "The hedge in Mill Lane is too high" or with "I want to complain about Ox Street"."""
    gardener: Agent[Any] = Agent(
        name="Gardener", instructions="You are the gardener.", model=chat_model(), tools=[cut_hedge]
    )
    complaints: Agent[Any] = Agent(
        name="Complaints",
        handoff_description="Takes complaints.",
        instructions="You take complaints.",
        model=chat_model(),
        tools=[promise_visit],
    )
    return Agent(
        name="Garden office",
        instructions="You are the garden office of a town.",
        model=chat_model(),
        tools=[gardener.as_tool("ask_gardener", "Let the gardener do some work")],
        handoffs=[complaints],
    )

"""Lost parcels: a clerk asks the customer by handing over to them, and a cashier pays for what is lost."""

from __future__ import annotations

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import HandoffTermination, TextMentionTermination
from autogen_agentchat.teams import Swarm

from .ledger import record
from .model import client


def pay_for_parcel(parcel: str, amount: float) -> str:
    """Send money for a lost parcel."""
    record("paid", parcel=parcel, amount=amount)
    return f"Sent {amount:.2f} EUR for {parcel}."


def build() -> Swarm:
    """Run it with a complaint. It ends at each handoff to the customer, who is no part of the team."""
    clerk = AssistantAgent(
        "clerk",
        client(),
        handoffs=["cashier", "customer"],
        system_message="You are the clerk. Find out which parcel is lost; ask the customer if you do not know.",
    )
    cashier = AssistantAgent(
        "cashier",
        client(),
        handoffs=["clerk"],
        tools=[pay_for_parcel],
        max_tool_iterations=4,
        system_message="You are the cashier. Pay for the lost parcel and say CLOSED.",
    )
    stop = HandoffTermination(target="customer") | TextMentionTermination("CLOSED", sources=["cashier"])
    return Swarm([clerk, cashier], termination_condition=stop)

"""A menu for tonight: while somebody prices a dish, a guest tastes it; the host hears both and may start over."""

from __future__ import annotations

from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.messages import BaseChatMessage
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow

from .model import client


def agent(name: str, does: str) -> AssistantAgent:
    return AssistantAgent(name, client(), system_message=f"You are the {name}. {does}")


def wants_another(message: BaseChatMessage) -> bool:
    return "AGAIN" in message.to_text()


def is_fine(message: BaseChatMessage) -> bool:
    return not wants_another(message)


def build() -> GraphFlow:
    """Run it with an occasion, for example "a birthday"."""
    cook, pricer = agent("cook", "Suggest one dish."), agent("pricer", "Say what the dish costs.")
    host = agent("host", "Say AGAIN if the guest or the price is against it.")
    printer = agent("printer", "Print the menu.")
    guest = UserProxyAgent("guest", input_func=input)
    graph = DiGraphBuilder()
    for node in (cook, pricer, guest, host, printer):
        graph.add_node(node)
    graph.add_edge(cook, pricer).add_edge(cook, guest)
    graph.add_edge(pricer, host).add_edge(guest, host)
    graph.add_edge(host, cook, condition=wants_another).add_edge(host, printer, condition=is_fine)
    graph.set_entry_point(cook)
    members = graph.get_participants()
    return GraphFlow(members, graph.build(), termination_condition=MaxMessageTermination(30))

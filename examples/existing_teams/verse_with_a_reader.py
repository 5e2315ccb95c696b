"""A writer and a reader take turns until the reader says PRINT; then a printer prints the last verse."""

from __future__ import annotations

from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.teams import RoundRobinGroupChat

from .model import client


def build() -> RoundRobinGroupChat:
    """Run it with a subject, for example "rain"."""
    writer = AssistantAgent("writer", client(), system_message="You are the writer. Write two lines of verse.")
    reader = UserProxyAgent("reader", input_func=input)
    return RoundRobinGroupChat([writer, reader], termination_condition=TextMentionTermination("PRINT"))

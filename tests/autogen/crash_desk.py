"""The teams that are killed: neutral tools in a team of the app's own, and a person in it."""

from __future__ import annotations

from typing import Any

from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat
from autogen_ext.models.openai import OpenAIChatCompletionClient

from hitl_adapters.autogen import as_autogen
from hitl_core.testing.scripted_model import Conversation, Script, Step
from tests.crash_desk import CALLS, ask_lead, look_up, refund

from .teams import INFO

SCRIPT = Script(
    conversations=(
        Conversation(name="clerk", model="clerk", steps=(Step(call=CALLS), Step(say="refunded"), Step(say="closed"))),
        Conversation(name="opener", model="opener", steps=(Step(say="opened"),)),
        Conversation(name="closer", model="closer", steps=(Step(say="closed"),)),
    ),
)


def _agent(name: str, url: str, **options: Any) -> AssistantAgent:
    model = OpenAIChatCompletionClient(model=name, base_url=url, api_key="test", model_info=INFO)
    return AssistantAgent(name, model, **options)


def _clerk(url: str) -> AssistantAgent:
    tools: list[Any] = [as_autogen(each) for each in (look_up, refund, ask_lead)]
    return _agent("clerk", url, tools=tools, max_tool_iterations=5)


def team(url: str) -> Any:
    """An agent and a person, in turn."""

    def build() -> RoundRobinGroupChat:
        stop = TextMentionTermination("closed")
        return RoundRobinGroupChat([_clerk(url), UserProxyAgent("customer")], termination_condition=stop)

    return build


def graph(url: str) -> Any:
    """The agent beside the person: both wait at once, and one agent hears both."""

    def build() -> GraphFlow:
        opener, clerk, closer = _agent("opener", url), _clerk(url), _agent("closer", url)
        customer = UserProxyAgent("customer")
        members: list[Any] = [opener, clerk, customer, closer]
        make = DiGraphBuilder()
        for each in members:
            make.add_node(each)
        make.add_edge(opener, clerk).add_edge(opener, customer)
        make.add_edge(clerk, closer).add_edge(customer, closer)
        return GraphFlow(members, make.build())

    return build

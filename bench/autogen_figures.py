"""A team whose agent calls a tool: run through on raw AutoGen, against the same with an approval through us.

AutoGen has no durable pause of its own, so raw is one uninterrupted run of a fresh team from the same factory, without
any durability: messages in, one tool call, the model's last word. What ours does more is the pause, the approval, a
second fresh team with the state loaded, and all that is kept. The bytes are compared with the JSON of the team's own
`save_state` after the same conversation.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import ModelFamily, ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient

from hitl_adapters.autogen import AutoGenAdapter
from hitl_core import connect

from .desk import CLOSING, MESSAGES, TILL, conversation, model
from .pairs import compared, config, our_cycle, rounds_at, sizes, stored, taking_turns
from .yardsticks import Figure

GOAL = 2.2
INFO = ModelInfo(
    vision=False, function_calling=True, json_output=True, family=ModelFamily.UNKNOWN, structured_output=False
)


def refund(order: str, amount: float) -> str:
    """Pay an amount back."""
    return TILL.pay(order, amount)


def factory(url: str) -> Callable[[], RoundRobinGroupChat]:
    """Makes a fresh team each time; its client is shared, as an application shares it."""
    client = OpenAIChatCompletionClient(model="m", base_url=url, api_key="none", model_info=INFO)

    def team() -> RoundRobinGroupChat:
        clerk = AssistantAgent("clerk", client, tools=[refund], reflect_on_tool_use=True)
        return RoundRobinGroupChat([clerk], termination_condition=TextMentionTermination(CLOSING))

    return team


async def raw_cycle(team: RoundRobinGroupChat, given: dict[str, Any]) -> None:
    task = [TextMessage(content=each["content"], source="user") for each in given["messages"]]
    with TILL.once():
        result = await team.run(task=task)
    assert str(result.messages[-1].to_text()) == CLOSING


async def own_bytes(team: RoundRobinGroupChat, given: dict[str, Any]) -> int:
    """Bytes of what AutoGen itself saves of this conversation."""
    await raw_cycle(team, given)
    return len(json.dumps(await team.save_state()).encode())


async def figures(folder: Path, *, rounds: int) -> list[Figure]:
    """Cycles and bytes at 10, 100 and 1,000 messages."""
    made: list[Figure] = []
    async with AsyncExitStack() as stack:
        team = factory(stack.enter_context(model(folder)))
        hitl = await stack.enter_async_context(connect(config("autogen", team, folder)))
        for messages in MESSAGES:
            given = conversation(messages)
            where = f"AutoGen, {messages:,} messages"

            async def raw(given: dict[str, Any] = given) -> None:
                await raw_cycle(team(), given)

            async def ours(given: dict[str, Any] = given) -> None:
                with TILL.once():
                    await our_cycle(hitl, given)

            spent = await taking_turns(raw, hitl, ours, rounds_at(messages, rounds), (AutoGenAdapter, "advance"))
            made += compared(where, spent, against="uninterrupted run", goal=GOAL, turns="the adapter's turns")
            own = await own_bytes(team(), given)
            made.append(sizes(where, stored(hitl, await hitl.start(given)), own, against="save_state JSON"))
    return made

"""An agent with a tool that needs approval: on the raw SDK, its state kept in a file, against the same through us.

Raw is what the SDK's page on human-in-the-loop shows: the run ends with an interruption, its RunState goes to a string,
the string is kept (here: written to a file with one fsync, read back), a new RunState is made of it, approved, and run
to its end. Both have the same agent, client and model; tracing is off in both.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from agents import Agent, OpenAIChatCompletionsModel, RunConfig, Runner, RunState, function_tool
from openai import AsyncOpenAI

from hitl_adapters.openai_agents import OpenAIAgentsAdapter
from hitl_core import connect

from .desk import CLOSING, MESSAGES, TILL, conversation, keep, model
from .pairs import compared, config, our_cycle, rounds_at, sizes, stored, taking_turns
from .yardsticks import Figure

GOAL = 1.15
QUIET = RunConfig(tracing_disabled=True)


@function_tool(needs_approval=True)
def refund(order: str, amount: float) -> str:
    """Pay an amount back."""
    return TILL.pay(order, amount)


def agent(url: str) -> Agent[Any]:
    client = OpenAIChatCompletionsModel("m", AsyncOpenAI(base_url=url, api_key="none"))
    return Agent(name="desk", instructions="You work at a desk.", model=client, tools=[refund])


async def paused(desk: Agent[Any], given: list[Any]) -> str:
    """The state of a run that waits, as the string that the SDK makes of it."""
    result = await Runner.run(desk, given, run_config=QUIET)
    return result.to_state().to_string()


async def raw_cycle(desk: Agent[Any], given: list[Any], kept: Path) -> None:
    with TILL.once():
        state = await RunState.from_string(desk, keep(kept, await paused(desk, given)))
        (waits,) = state.get_interruptions()
        state.approve(waits)
        result = await Runner.run(desk, state, run_config=QUIET)
    assert result.final_output == CLOSING


async def figures(folder: Path, *, rounds: int) -> list[Figure]:
    """Cycles and bytes at 10, 100 and 1,000 messages."""
    made: list[Figure] = []
    async with AsyncExitStack() as stack:
        url = stack.enter_context(model(folder))
        desk, kept = agent(url), folder / "state.json"
        hitl = await stack.enter_async_context(connect(config("openai_agents", agent(url), folder)))
        for messages in MESSAGES:
            given = conversation(messages)
            where = f"OpenAI Agents, {messages:,} messages"

            async def raw(items: list[Any] = given["messages"]) -> None:
                await raw_cycle(desk, items, kept)

            async def ours(given: dict[str, Any] = given) -> None:
                with TILL.once():
                    await our_cycle(hitl, given)

            spent = await taking_turns(raw, hitl, ours, rounds_at(messages, rounds), (OpenAIAgentsAdapter, "advance"))
            made += compared(where, spent, against="RunState in a file", goal=GOAL, turns="the adapter's turns")
            own = len((await paused(desk, given["messages"])).encode())
            made.append(sizes(where, stored(hitl, await hitl.start(given)), own, against="RunState string"))
    return made

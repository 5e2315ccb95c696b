"""A crew of one that calls a tool: kicked off on raw CrewAI, against the same with an approval through us.

CrewAI has no pause of its own that survives a process, so raw is one uninterrupted kickoff of a fresh crew from the
same factory, without any durability: the conversation in the task's description, one tool call, the model's last word.
What ours does more is the pause, the approval, a second fresh crew with its journal, and all that is kept. The bytes
are compared with the JSON of the messages that CrewAI keeps of its task. Telemetry and console are off in both.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from hitl_adapters.crewai import CrewAIAdapter
from hitl_core import connect

from .desk import CLOSING, MESSAGES, TILL, lines, model
from .pairs import compared, config, our_cycle, rounds_at, sizes, stored, taking_turns
from .yardsticks import Figure

GOAL = 2.2
ROOMY = "gpt-4.1"
"""CrewAI sums a conversation up before a model that it takes to be small; this name stands for a large one."""


def factory(url: str) -> Callable[[], Any]:
    """Makes a fresh crew each time; its model is shared, as an application shares it."""
    from crewai import LLM, Agent, Crew, Task
    from crewai.tools import tool

    @tool("refund")
    def refund(order: str, amount: float) -> str:
        """Pay an amount back."""
        return TILL.pay(order, amount)

    llm = LLM(model=ROOMY, provider="openai", base_url=url, api_key="none")

    who: dict[str, Any] = {"role": "clerk", "goal": "Serve the customer", "backstory": "You work at a desk."}
    who |= {"llm": llm, "tools": [refund]}

    def crew() -> Any:
        clerk = Agent(**who)
        task = Task(description="Serve this customer:\n{conversation}", expected_output="A closing.", agent=clerk)
        return Crew(agents=[clerk], tasks=[task])

    return crew


async def raw_cycle(crew: Any, given: dict[str, Any]) -> Any:
    with TILL.once():
        result = await crew.kickoff_async(inputs=given)
    assert result.raw == CLOSING
    return result


async def figures(folder: Path, *, rounds: int) -> list[Figure]:
    """Cycles and bytes at 10, 100 and 1,000 messages."""
    made: list[Figure] = []
    async with AsyncExitStack() as stack:
        url = stack.enter_context(model(folder))
        made_once: list[Callable[[], Any]] = []

        def app() -> Any:
            """CrewAI is imported by the adapter, when it has said how quiet that is to be."""
            made_once[:] = made_once or [factory(url)]
            return made_once[0]()

        hitl = await stack.enter_async_context(connect(config("crewai", app, folder)))
        for messages in MESSAGES:
            given = {"conversation": "\n".join(lines(messages))}
            where = f"CrewAI, {messages:,} messages"

            async def raw(given: dict[str, Any] = given) -> None:
                await raw_cycle(app(), given)

            async def ours(given: dict[str, Any] = given) -> None:
                with TILL.once():
                    await our_cycle(hitl, given)

            spent = await taking_turns(raw, hitl, ours, rounds_at(messages, rounds), (CrewAIAdapter, "advance"))
            made += compared(where, spent, against="uninterrupted kickoff", goal=GOAL, turns="the adapter's turns")
            own = await raw_cycle(app(), given)
            kept = len(json.dumps(own.tasks_output[0].messages, default=str).encode())
            made.append(sizes(where, stored(hitl, await hitl.start(given)), kept, against="its messages as JSON"))
    return made

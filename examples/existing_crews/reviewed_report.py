"""A crew of two: one looks stalls up and books one, the other writes a report that a person reads before it counts."""

from __future__ import annotations

import os
from typing import Any

from crewai import LLM, Agent, Crew, Process, Task
from crewai.tools import tool

from existing_crews.ledger import record

STALLS = {"north gate": 40, "river side": 65}


@tool("find_stalls")
def find_stalls(market: str) -> str:
    """The free stalls of a market, with their price in euros."""
    return ", ".join(f"{name} ({price} EUR)" for name, price in STALLS.items())


@tool("book_stall")
def book_stall(stall: str, price: float) -> str:
    """Book a stall. It has to be paid."""
    record("stall_booked", stall=stall, price=price)
    return f"The stall at the {stall} is booked for {price} EUR."


def build() -> Crew:
    """A new crew. Its model is `EXISTING_CREWS_MODEL`, by OpenAI's own environment variables."""
    llm = LLM(model=os.environ.get("EXISTING_CREWS_MODEL", "gpt-4o-mini"), provider="openai")
    plans: dict[str, Any] = {
        "role": "planner",
        "goal": "Find a good stall on the {market}",
        "backstory": "You have sold honey on every market of the county.",
        "tools": [find_stalls, book_stall],
        "llm": llm,
    }
    writes: dict[str, Any] = {
        "role": "writer",
        "goal": "Tell the others what was decided",
        "backstory": "You write short and friendly letters.",
        "llm": llm,
    }
    planner, writer = Agent(**plans), Agent(**writes)
    plan = Task(
        description="Book the cheapest stall on the {market}.",
        expected_output="The stall and its price.",
        agent=planner,
    )
    report = Task(
        description="Write to the other beekeepers about the stall on the {market}.",
        expected_output="A letter of three sentences.",
        agent=writer,
        human_input=True,
    )
    return Crew(agents=[planner, writer], tasks=[plan, report], process=Process.sequential)

"""Greenhouses at night, and the agent that looks after them. What it really did is in `ledger.jsonl`.

Two tools have an `undo=`: it gets the receipt, which is what the tool returned. Water that was poured stays poured.
"""

from __future__ import annotations

import json
import os
import signal
from datetime import timedelta
from pathlib import Path

from hitl_core import AgentSpec, ModelSpec, current_call, tool
from hitl_core.protocol import Arguments, Json

LEDGER = Path(__file__).with_name("ledger.jsonl")
NIGHT = 16
"""Degrees in every house, if nobody sets anything else."""

POWER_FAILS = "LESSON_POWER_FAILS"
"""Set to the name of a tool, its process is killed when the tool has had its effect and nobody was told of it yet."""


def record(effect: str, **arguments: Json) -> None:
    """Write one effect to the ledger, under the key of the call."""
    line = {"key": current_call().key, "effect": effect, "arguments": arguments}
    with LEDGER.open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps(line) + "\n")
    if os.environ.get(POWER_FAILS) == effect:
        os.kill(os.getpid(), signal.SIGKILL)


def heating_back(receipt: str, arguments: Arguments) -> str:
    record("undo:set_heating", **arguments)
    return f"{arguments['house']}: {NIGHT} degrees again ({receipt})"


def order_back(receipt: str, arguments: Arguments) -> str:
    record("undo:order_plants", **arguments)
    return f"{receipt} is called back"


@tool(reversible=True, title="Set the heating of a house", undo=heating_back)
def set_heating(house: str, degrees: int) -> str:
    """Set the heating of a greenhouse."""
    record("set_heating", house=house, degrees=degrees)
    return f"{house}: {degrees} degrees instead of {NIGHT}"


@tool(
    reversible=True,
    title="Order plants",
    undo=order_back,
    undo_window=timedelta(days=1),
    compensates="the nursery keeps ten per cent",
)
def order_plants(kind: str, count: int) -> str:
    """Order young plants from the nursery."""
    record("order_plants", kind=kind, count=count)
    return f"the order of {count} {kind}"


@tool(reversible=False, title="Water a house")
def water(house: str, litres: int) -> str:
    """Water a greenhouse."""
    record("water", house=house, litres=litres)
    return f"{house} got {litres} litres"


SPEC = AgentSpec(
    name="night_shift",
    instructions="You look after the greenhouses at night. Do what the task says, one call after the other.",
    tools=(set_heating, order_plants, water),
    model=ModelSpec(name="gpt-4o-mini", base_url=os.environ.get("OPENAI_BASE_URL") or None),
)

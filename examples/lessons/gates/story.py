"""A sports club and its treasurer, an agent that pays, posts and orders. What it really did is in `ledger.jsonl`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

from pydantic import Field

from hitl_core import AgentSpec, ModelSpec, current_call, tool

LEDGER = Path(__file__).with_name("ledger.jsonl")
Euros = Annotated[float, Field(gt=0)]


def record(effect: str, **arguments: object) -> str:
    """Write one effect to the ledger, under the key of the call, and return that key."""
    key = current_call().key
    with LEDGER.open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps({"key": key, "effect": effect, "arguments": arguments}) + "\n")
    return key


@tool(reversible=False, risk="money", title="Pay an invoice")
def pay_invoice(number: str, amount: Euros) -> str:
    """Pay an invoice from the club's account. The bank does not give it back."""
    return f"Paid ({record('pay_invoice', number=number, amount=amount)})."


@tool(reversible=True, title="Post on the club's page")
def post_news(text: str) -> str:
    """Put a text on the club's page. It can be taken down."""
    return f"Posted ({record('post_news', text=text)})."


@tool(reversible=True, title="Order supplies")
def order_supplies(item: str, cost: Euros) -> str:
    """Order something for the club. It can be sent back within two weeks."""
    return f"Ordered ({record('order_supplies', item=item, cost=cost)})."


SPEC = AgentSpec(
    name="treasurer",
    instructions=(
        "You are the treasurer of a sports club. Do what the task says, with one call. If people refuse it, accept "
        "that, do not try again, and say what was decided."
    ),
    tools=(pay_invoice, post_news, order_supplies),
    model=ModelSpec(name="gpt-4o-mini", base_url=os.environ.get("OPENAI_BASE_URL") or None),
)

"""The refund desk: an agent that looks up an order, drafts an e-mail, asks people, and pays money back.

The agent is described once, in neutral words; `hitl.toml` says which framework builds it. What really happened is
in the ledger, one JSON line per effect: `REFUND_DESK_LEDGER` sets its path, by default `ledger.jsonl` beside
`hitl.toml`. The model is any OpenAI-compatible one: `OPENAI_BASE_URL`, `OPENAI_API_KEY`, `REFUND_DESK_MODEL`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, cast

from pydantic import Field

from hitl_core import AgentSpec, ModelSpec, Option, Preview, choice, current_call, question, tool
from hitl_core.protocol import Arguments, Json


@dataclass(frozen=True)
class Order:
    """What the shop knows about an order. Amounts are in euros."""

    customer: str
    email: str
    item: str
    paid: float
    state: str


ORDERS = {
    "A-1042": Order("Mira Osei", "mira@example.com", "desk lamp", 129.0, "delivered, shade cracked"),
    "A-1043": Order("Jonas Weber", "jonas@example.com", "bookshelf", 349.0, "delivered, wrong colour"),
    "A-1044": Order("Ines Prado", "ines@example.com", "gift card", 25.0, "delivered three days late"),
    "A-1045": Order("Tom Lind", "tom@example.com", "standing desk", 899.0, "returned"),
}


def record(effect: str, arguments: Arguments) -> str:
    """Write one effect to the ledger, whole or not at all, and return its key.

    The key belongs to the approved call: an attempt to carry out the same call again would show the same key.
    """
    key = current_call().key
    line = {"key": key, "effect": effect, "arguments": arguments, "at": datetime.now(UTC).isoformat()}
    path = os.environ.get("REFUND_DESK_LEDGER") or Path(__file__).with_name("ledger.jsonl")
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, json.dumps(line, ensure_ascii=False).encode() + b"\n")
        os.fsync(file)
    finally:
        os.close(file)
    return key


def refund_preview(arguments: Arguments) -> Preview:
    """What people see before they decide. Built from the arguments that will run, not from the agent's words."""
    amount, order = cast("float", arguments["amount"]), ORDERS.get(str(arguments["order"]))
    if order is None:
        return Preview(effect=f"Pay back {amount:.2f} EUR", warnings=("There is no such order.",))
    too_much = (f"That is more than the {order.paid:.2f} EUR that were paid.",) if amount > order.paid else ()
    return Preview(
        effect=f"Pay back {amount:.2f} EUR of {order.paid:.2f} EUR for the {order.item}",
        target=f"{order.customer} <{order.email}>",
        cost=f"{amount:.2f} EUR",
        reversible=False,
        warnings=too_much,
    )


@tool(reversible=True, title="Look up an order")
def look_up_order(order: str) -> dict[str, Json]:
    """Everything the shop knows about an order. Changes nothing."""
    found = ORDERS.get(order)
    if found is None:
        return {"order": order, "found": False}
    return {"order": order, "found": True, "customer": found.customer, "paid": found.paid, "state": found.state}


@tool(reversible=True, title="Draft an e-mail")
def draft_email(order: str, text: str) -> str:
    """Put a draft for the customer of an order into the outbox. A person sends it later, or does not."""
    key = record("draft_email", {"order": order, "text": text})
    return f"The draft is in the outbox ({key})."


@tool(reversible=False, risk="money", title="Pay money back", preview=refund_preview)
def issue_refund(order: str, amount: Annotated[float, Field(gt=0)]) -> str:
    """Pay an amount in euros back to the customer of an order. Cannot be taken back."""
    key = record("issue_refund", {"order": order, "amount": amount})
    return f"Paid {amount:.2f} EUR back for {order} (receipt {key})."


ask_lead = question("ask_lead", "Ask the lead of customer service a question, and get the answer in their words.")

choose_carrier = choice(
    "choose_carrier",
    "Let the lead of customer service choose who picks up a damaged item.",
    options=[
        Option(id="post", label="Post: 3 days, free"),
        Option(id="courier", label="Courier: tomorrow, 12 EUR"),
        Option(id="none", label="No pick-up: the customer keeps it"),
    ],
)

SPEC = AgentSpec(
    name="refund_desk",
    instructions=(
        "You work at the refund desk of a furniture shop. Look up the order first. Draft an e-mail to the customer, "
        "ask the lead whether a damaged item is to come back, let them choose the carrier, then refund what is due. "
        "If a person refuses or changes a call, accept it: do not try it again, and say what was decided."
    ),
    tools=(look_up_order, draft_email, ask_lead, choose_carrier, issue_refund),
    model=ModelSpec(
        name=os.environ.get("REFUND_DESK_MODEL", "gpt-4o-mini"),
        base_url=os.environ.get("OPENAI_BASE_URL") or None,
    ),
)

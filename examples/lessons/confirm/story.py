"""A seed shop and its clerk, an agent that sends offers and sets prices. What it really did is in `ledger.jsonl`.

Each tool has a `preview=`: code that says, from the arguments that will run, what they do, to whom, at what cost, and
what leaves the house. That, and not the agent's words, is what people decide on.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, cast

from pydantic import Field

from hitl_core import AgentSpec, ModelSpec, Preview, current_call, tool
from hitl_core.protocol import Arguments

LEDGER = Path(__file__).with_name("ledger.jsonl")
PRICES = {"beans": 15.9, "leeks": 3.2, "peas": 4.5, "chard": 2.8}
CUSTOMERS = {"allotments@example.com": "the allotment club (41 members)", "ines@example.com": "Ines Prado"}
Price = Annotated[float, Field(gt=0)]


def record(effect: str, **arguments: object) -> str:
    """Write one effect to the ledger, under the key of the approved call, and return that key."""
    key = current_call().key
    with LEDGER.open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps({"key": key, "effect": effect, "arguments": arguments}) + "\n")
    return key


def price_of(article: str) -> float | None:
    """What an article costs now: as it was set last."""
    lines = LEDGER.read_text(encoding="utf-8").splitlines() if LEDGER.exists() else []
    for line in map(json.loads, reversed(lines)):
        if line["effect"] == "set_price" and line["arguments"]["article"] == article:
            return cast("float", line["arguments"]["price"])
    return PRICES.get(article)


def difference(article: str, price: float) -> str:
    """The price in the list, and the price that is to be."""
    now = price_of(article)
    was = "not in the list" if now is None else f"{now:.2f} EUR"
    return f"- {article}: {was}\n+ {article}: {price:.2f} EUR"


def offer_preview(arguments: Arguments) -> Preview:
    address, article = str(arguments["address"]), str(arguments["article"])
    price, now = cast("float", arguments["price"]), price_of(article)
    warnings = [f"what leaves the house: the price, and the name of {CUSTOMERS.get(address, 'nobody we know')}"]
    if address not in CUSTOMERS:
        warnings.append("no customer has this address")
    if not address.isascii():
        warnings.append("this address has letters that only look like those of the Latin alphabet")
    if now is None:
        warnings.append("this article is not in the price list")
    return Preview(
        effect=f"Send an offer by e-mail: {article} for {price:.2f} EUR",
        target=f"{CUSTOMERS.get(address, 'unknown')} <{address}>",
        cost="not known" if now is None else f"{now - price:.2f} EUR below the list price, for each that is sold",
        reversible=False,
        diff=difference(article, price),
        warnings=tuple(warnings),
    )


def price_preview(arguments: Arguments) -> Preview:
    article, price = str(arguments["article"]), cast("float", arguments["price"])
    return Preview(
        effect=f"Sell {article} for {price:.2f} EUR from now on",
        target="everybody who buys in the shop",
        reversible=True,
        diff=difference(article, price),
    )


@tool(reversible=False, risk="mail", title="Send an offer", preview=offer_preview)
def send_offer(address: str, article: str, price: Price) -> str:
    """Send a customer an offer by e-mail. It cannot be called back."""
    return f"Sent ({record('send_offer', address=address, article=article, price=price)})."


@tool(reversible=True, title="Set a price", preview=price_preview)
def set_price(article: str, price: Price) -> str:
    """Set the price of an article in the list."""
    return f"Set ({record('set_price', article=article, price=price)})."


SPEC = AgentSpec(
    name="shop_clerk",
    instructions=(
        "You are the clerk of a seed shop. Do what the task says, with one call. If a person asks you something, "
        "answer in words and call again. If a person refuses or changes a call, accept it and say what was decided."
    ),
    tools=(send_offer, set_price),
    model=ModelSpec(name="gpt-4o-mini", base_url=os.environ.get("OPENAI_BASE_URL") or None),
)

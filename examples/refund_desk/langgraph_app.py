"""The same desk as a LangGraph developer writes it: LangChain tools, `interrupt()`, `create_agent`, a saver.

Only `OversightMiddleware` is ours: it puts the gate next to every tool. The two questions are LangGraph's own
interrupts; the adapter shows them to people without any change here.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import interrupt
from story import ORDERS, SPEC, record

from hitl_adapters.langgraph import OversightMiddleware


@tool
def look_up_order(order: str) -> str:
    """Everything the shop knows about an order. Changes nothing."""
    return str(ORDERS.get(order, "There is no such order."))


@tool
def draft_email(order: str, text: str) -> str:
    """Put a draft for the customer of an order into the outbox. A person sends it later, or does not."""
    return f"The draft is in the outbox ({record('draft_email', {'order': order, 'text': text})})."


@tool
def issue_refund(order: str, amount: float) -> str:
    """Pay an amount in euros back to the customer of an order. Cannot be taken back."""
    key = record("issue_refund", {"order": order, "amount": amount})
    return f"Paid {amount:.2f} EUR back for {order} (receipt {key})."


@tool
def ask_lead(question: str) -> str:
    """Ask the lead of customer service a question, and get the answer in their words."""
    return str(interrupt(question))


@tool
def choose_carrier(question: str) -> str:
    """Let the lead of customer service choose who picks up a damaged item."""
    return str(interrupt({"question": question, "options": ["post", "courier", "none"]}))


@asynccontextmanager
async def build() -> AsyncIterator[Any]:
    """The app factory that `hitl.toml` names: it gives the compiled graph, and closes its saver at the end."""
    model = os.environ.get("REFUND_DESK_MODEL", "gpt-4o-mini")
    async with AsyncSqliteSaver.from_conn_string(str(Path(__file__).with_name("langgraph-app.db"))) as saver:
        yield create_agent(
            f"openai:{model}",  # its client reads OPENAI_BASE_URL and OPENAI_API_KEY
            [look_up_order, draft_email, ask_lead, choose_carrier, issue_refund],
            system_prompt=SPEC.instructions,
            middleware=[OversightMiddleware("refund_desk")],
            checkpointer=saver,
        )

"""Neutral agents and what their model says."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from hitl_core import AgentSpec, ModelSpec, choice, current_call, question, review, tool
from hitl_core.testing.scripted_model import Call, Step

from .desk import record


@tool(reversible=True)
def look_up(order: str) -> str:
    """Look at an order."""
    record("look_up", order=order)
    return f"{order} cost 12"


@tool
def refund(order: str, amount: Annotated[float, Field(gt=0)]) -> str:
    """Pay back."""
    record("refund", order=order, amount=amount, key=current_call().key)
    return f"paid {amount} for {order}"


@tool
def breaks(order: str) -> str:
    """Raises after it has had its effect."""
    record("breaks", order=order)
    raise RuntimeError("the bank is closed")


@tool
async def tell(order: str) -> dict[str, Any]:
    """Tell somebody."""
    record("tell", order=order)
    return {"told": order}


ask_lead = question("ask_lead", "Ask the lead")
choose_carrier = choice("choose_carrier", "Choose who picks it up", ["post", "courier"])
show_draft = review("show_draft", "Show a draft")

TOOLS = (look_up, refund, breaks, tell, ask_lead, choose_carrier, show_draft)


def desk_spec(url: str, **more: Any) -> AgentSpec:
    return AgentSpec("desk", "You are a desk.", TOOLS, ModelSpec("m", url), **more)


def calls(*named: tuple[str, dict[str, Any]]) -> Step:
    """The model calls these tools in one answer."""
    return Step(call=tuple(Call(name=name, arguments=arguments) for name, arguments in named))


def says(text: str) -> Step:
    return Step(say=text)


REFUND = ("refund", {"order": "A", "amount": 12.0})
LOOK_UP = ("look_up", {"order": "A"})

"""Plain Python under oversight: any function, its tools guarded by `gate`.

from hitl_adapters.plain import gate

@gate.guard(reversible=False)
async def issue_refund(order: str, amount: float) -> str: ...

async def desk(input):
    order = await gate.step(look_up, input["order"])      # remembered: not done again on resume
    why = await gate.ask("Why is this refund due?")        # pauses the run; no process waits
    return await issue_refund(order["id"], 42.0)           # pauses if the policy says so
"""

from hitl_core.errors import CallRefused as Refused

from .adapter import PlainAdapter, PlainOptions
from .gating import gate

__all__ = ["PlainAdapter", "PlainOptions", "Refused", "gate"]

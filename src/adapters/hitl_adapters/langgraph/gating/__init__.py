"""How calls reach the gate, and how a person's guidance reaches the model: middleware, wrappers, functions."""

from .declared import declared_in
from .models import aguidance, guidance
from .oversight import OversightMiddleware
from .tools import agate_tool_call, gate_tool_call, gated, gated_tool_node

__all__ = [
    "OversightMiddleware",
    "agate_tool_call",
    "aguidance",
    "declared_in",
    "gate_tool_call",
    "gated",
    "gated_tool_node",
    "guidance",
]

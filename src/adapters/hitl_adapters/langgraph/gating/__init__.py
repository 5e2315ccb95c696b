"""How calls reach the gate, and how a person's guidance reaches the model: middleware, wrappers, functions.

tools        the wrappers for ToolNode, and `gated` for functions; words: what the agent says with a call
clients      the tools that a run was started with
models       guidance on its way to the model
oversight    the middleware for `create_agent`: both of these
declared     which `gated` functions a graph calls, known before anything runs
"""

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

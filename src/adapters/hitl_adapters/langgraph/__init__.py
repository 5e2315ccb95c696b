"""LangGraph under oversight: unchanged graphs, and agents whose tools go through the gate.

agent = create_agent(model, tools, middleware=[OversightMiddleware()], checkpointer=saver)
node = gated_tool_node(tools)               # for graphs of your own
send = gated(send_email)                    # for functions that a node calls itself
told = await aguidance()                    # for nodes that call a model themselves: what people said meanwhile
"""

from . import errors as errors  # first: it refuses versions that are too old  # isort: skip

from hitl_core.errors import CallRefused as Refused

from .adapter import LangGraphAdapter, LangGraphOptions
from .gating import OversightMiddleware, aguidance, gated, gated_tool_node, guidance
from .mapping import CustomCodec

__all__ = [
    "CustomCodec",
    "LangGraphAdapter",
    "LangGraphOptions",
    "OversightMiddleware",
    "Refused",
    "aguidance",
    "gated",
    "gated_tool_node",
    "guidance",
]

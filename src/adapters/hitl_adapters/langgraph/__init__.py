"""LangGraph under oversight: unchanged graphs, and agents whose tools go through the gate.

agent = create_agent(model, tools, middleware=[OversightMiddleware()], checkpointer=saver)
node = gated_tool_node(tools)               # for graphs of your own
send = gated(send_email)                    # for functions that a node calls itself
"""

from .adapter import LangGraphAdapter, LangGraphOptions
from .gating import OversightMiddleware, gated_tool_node
from .nodes import Refused, gated

__all__ = ["LangGraphAdapter", "LangGraphOptions", "OversightMiddleware", "Refused", "gated", "gated_tool_node"]

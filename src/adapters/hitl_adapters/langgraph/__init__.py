"""LangGraph under oversight: unchanged graphs, and agents whose tools go through the gate.

agent = create_agent(model, tools, middleware=[OversightMiddleware()], checkpointer=saver)
node = gated_tool_node(tools)               # for graphs of your own
send = gated(send_email)                    # for functions that a node calls itself
"""

from hitl_core.errors import CallRefused as Refused

from .versions import require_versions

require_versions()  # before the imports that older versions cannot answer

from .adapter import LangGraphAdapter, LangGraphOptions  # noqa: E402
from .gating import OversightMiddleware, gated_tool_node  # noqa: E402
from .mapping import CustomCodec  # noqa: E402
from .nodes import gated  # noqa: E402

__all__ = [
    "CustomCodec",
    "LangGraphAdapter",
    "LangGraphOptions",
    "OversightMiddleware",
    "Refused",
    "gated",
    "gated_tool_node",
]

"""A local MCP server with one tool that does something. Run as a program; it imports little, to start quickly."""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any


def transfer(order: str, amount: float) -> str:
    """Transfer money."""
    with Path(os.environ["HITL_TEST_LEDGER"]).open("a") as ledger:
        ledger.write(json.dumps({"effect": "transfer", "order": order, "amount": amount}) + "\n")
    return f"transferred {amount} for {order}"


def server() -> Any:
    """A server of the installed release of mcp, which gave the class another name in 2.0."""
    try:
        made = import_module("mcp.server.mcpserver").MCPServer("bank")
    except ImportError:
        made = import_module("mcp.server.fastmcp").FastMCP("bank")
    made.tool()(transfer)
    return made


if __name__ == "__main__":
    server().run()

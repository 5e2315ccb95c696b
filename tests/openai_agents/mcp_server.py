"""A local MCP server with one tool that does something. Run as a program; it imports little, to start quickly."""

from __future__ import annotations

import json
import os
from pathlib import Path

try:
    from mcp.server.mcpserver import MCPServer
except ImportError:  # its name before mcp 2
    from mcp.server.fastmcp import FastMCP as MCPServer

server = MCPServer("bank")


@server.tool()
def transfer(order: str, amount: float) -> str:
    """Transfer money."""
    with Path(os.environ["HITL_TEST_LEDGER"]).open("a") as ledger:
        ledger.write(json.dumps({"effect": "transfer", "order": order, "amount": amount}) + "\n")
    return f"transferred {amount} for {order}"


if __name__ == "__main__":
    server.run()

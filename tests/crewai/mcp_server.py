"""A server of tools for agents (MCP) with one tool, as a process of its own."""

from __future__ import annotations

from mcp.server.fastmcp import FastMCP

from tests.crewai.desk import record

server = FastMCP("bank")


@server.tool()
def refund(order: str, amount: float) -> str:
    """Pay back."""
    record("refund", order=order, amount=amount)
    return f"paid {amount} for {order}"


if __name__ == "__main__":
    server.run()

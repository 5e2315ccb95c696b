"""`hitl mcp`: the app for an agent's host, which starts this and speaks MCP with it on standard input and output."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from ...config import Config
from ...errors import Fault
from ...runtime import Runtime
from ...versions import installed
from ..errors_shown import WrongUsage
from ..opening import Opening
from ..options import DEFAULT_CONFIG, Backend, ConfigFile

AGENT: Final = "mcp"

AsAgent = Annotated[
    str,
    typer.Option("--as", metavar="AGENT", help="The name of the agent that starts this, for whom its runs are."),
]


def mcp(config: ConfigFile = DEFAULT_CONFIG, backend: Backend = None, as_: AsAgent = AGENT) -> int:
    """Serve an agent's host over MCP, until that ends.

    The host starts it, and speaks with it on standard input and output.

    What people have to decide they decide in the inbox or at a terminal, under names of their own; through this client
    only if [server.agents] may_answer names the agent.
    """
    if not as_.strip():
        raise WrongUsage([Fault("--as", "must not be empty")])
    opening, found = Opening(config, backend), Config.load(config, backend=backend)
    opening.require_store("`hitl mcp`")
    agents, inbox = found.serving.agents, found.serving.address
    with installed("MCP", extra="mcp"):
        from ...mcp.stdio import serve_stdio

    async def work(hitl: Runtime) -> None:
        await serve_stdio(hitl, agent=as_, may_answer=agents.may_answer, inbox=inbox, name=agents.name)

    opening.do(work)
    return 0

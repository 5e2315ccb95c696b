"""MCP on standard input and output: for an agent's host that starts this process, and is its only client."""

from __future__ import annotations

from collections.abc import Iterable

from mcp.server.stdio import stdio_server

from ..callers import Caller, Desk, Principal
from ..callers.caller import REQUESTS, RUNS, START
from ..protocol import Responder
from ..runtime import Runtime, known_as
from .calls import server_of
from .mounting import CHANNEL
from .rounds import Context


async def serve_stdio(
    hitl: Runtime, *, agent: str, may_answer: Iterable[str] = (), inbox: str = "", name: str = ""
) -> None:
    """Serve whoever has started this process, as `agent`, until its input ends. That it is this agent is an assertion.

    It sees the runs that it has started; those of others too if its client carries the answers of people.
    """
    desk = Desk(hitl, CHANNEL, frozenset(may_answer), inbox)

    async def caller(context: Context) -> Caller:
        name = await known_as(hitl, agent) or agent  # as whoever starts a run is named
        rights = (START, REQUESTS, *((RUNS,) if name in desk.may_answer else ()))
        return Principal(Responder(id=name, channel=CHANNEL), rights=frozenset(rights))

    server = server_of(desk, caller, name=name or hitl.settings.app or "agent")
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

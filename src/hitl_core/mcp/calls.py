"""A call of a tool: who calls, what they may, and what comes of it. Every failure says so, and nothing has run then."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from mcp.server.lowlevel.server import Server
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams

from ..callers import Caller, Desk
from ..callers.desk import LONGEST_WAIT
from ..checks import schema_faults
from ..errors import Fault, HitlError, NotUnderstood
from ..protocol import Json
from .results import of_failure, of_refusal, of_requests, of_run
from .rounds import Context, Ended, Rounds, state_of
from .tools import SCHEMAS, TOOLS

log = logging.getLogger("hitl_core")

SAYS = (
    "Runs of an agent that people oversee. What it may not do by itself waits until a person has decided; you cannot "
    "decide that, and no tool does."
)
Finds = Callable[[Context], Awaitable[Caller]]
"""Who calls, by the request that a call came with."""


def server_of(desk: Desk, caller: Finds, *, name: str) -> Server[Any]:
    """The server of the official SDK with our tools."""
    calls = Calls(desk, caller)
    return Server(
        name,
        version=version("hitl-core"),
        instructions=SAYS,
        on_list_tools=calls.listed,
        on_call_tool=calls.called,
    )


@dataclass(frozen=True, slots=True)
class Calls:
    """The tools as they are called."""

    desk: Desk
    caller: Finds

    async def listed(self, context: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=list(TOOLS))

    async def called(self, context: Context, params: CallToolRequestParams) -> Ended:
        try:
            return await self._called(context, params)
        except HitlError as exc:
            return of_refusal(exc)
        except Exception as exc:  # whatever it is: its words may hold what is nobody's business there
            log.error("a call over MCP failed: %s", exc, exc_info=exc)
            return of_failure("something broke here that is no fault of yours; the server's log says what")

    async def _called(self, context: Context, params: CallToolRequestParams) -> Ended:
        given = _given(params)
        caller = await self.caller(context)
        rounds = Rounds(self.desk, caller, context, lambda: self.caller(context))
        if state := state_of(params.request_state):
            return await rounds.came_back(state, params.input_responses)
        match params.name:
            case "start_run":
                wait, key = given.get("wait", LONGEST_WAIT), given.get("key")
                run = await self.desk.start(caller, given["input"], wait=wait, key=key)
                return await rounds.ended(run)
            case "wait_for_run":
                run = await self.desk.seen(caller, given["run"])
                return await rounds.ended(await self.desk.gone_on(caller, run, given.get("wait", LONGEST_WAIT)))
            case "read_run":
                return of_run(await self.desk.seen(caller, given["run"]), inbox=self.desk.inbox)
            case "cancel_run":
                run = await self.desk.seen(caller, given["run"])
                return of_run(await self.desk.cancel(caller, run, given.get("reason", "")), inbox=self.desk.inbox)
            case _:
                return await self._requests(caller, given)

    async def _requests(self, caller: Caller, given: dict[str, Any]) -> CallToolResult:
        if run_id := given.get("run"):
            return of_run(await self.desk.seen(caller, run_id), inbox=self.desk.inbox)
        page = await self.desk.open_requests(caller, cursor=given.get("cursor"))
        return of_requests(page.items, page.cursor, inbox=self.desk.inbox)


def _given(params: CallToolRequestParams) -> dict[str, Any]:
    """The arguments of a call. Raises NotUnderstood with every fault."""
    schema = SCHEMAS.get(params.name)
    if schema is None:
        known = ", ".join(SCHEMAS)
        raise NotUnderstood([Fault("name", f"{params.name!r} is no tool; there are: {known}")])
    given: dict[str, Json] = params.arguments or {}
    if faults := schema_faults(schema, given, "arguments"):
        raise NotUnderstood(faults)
    return given

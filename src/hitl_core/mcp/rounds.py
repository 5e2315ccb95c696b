"""Asking the client's user, in the two eras of the protocol.

Since 2026-07-28 a call returns what is asked, and the client calls again with what was said: nothing is held here
meanwhile, and what comes back is believed as little as any other input. Before, the server asked while the call waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..callers import Caller, Desk
from ..callers.desk import LONGEST_WAIT
from ..errors import Fault, NotUnderstood
from ..protocol import Run, RunState
from ..protocol.record import Name
from .asking import Asks, Came, questions, took, unasked
from .results import of_run

log = logging.getLogger("hitl_core")

LONGEST_ASKED: Final = 300.0
"""Seconds that a call waits for the client's user, at most, where it has to wait."""
MOST_ROUNDS: Final = 10
"""How often one call asks."""
MOST_STATE: Final = 65_536
"""Characters of what a client sends back of its own state; more is not read."""

Context = ServerRequestContext[Any, Any]
Ended = CallToolResult | InputRequiredResult


class State(BaseModel):
    """What a client sends back with what was said: which run, and which requests it was shown, by their digests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: Name
    shown: dict[Name, Name] = Field(max_length=200)
    forms: tuple[Name, ...]
    round: int = Field(ge=1)


def state_of(text: str | None) -> State | None:
    """What was sent back, read as what anybody may have written. Raises NotUnderstood."""
    if text is None:
        return None
    try:
        if len(text) > MOST_STATE:
            raise ValueError("it is too long")
        return State.model_validate_json(text)
    except ValueError as exc:
        raise NotUnderstood([Fault("requestState", "is not what was sent; call the tool anew")]) from exc


@dataclass(frozen=True, slots=True)
class Rounds:
    """One call of a tool by a caller. `again` looks once more who calls, where asking has taken its time."""

    desk: Desk
    caller: Caller
    context: Context
    again: Callable[[], Awaitable[Caller]]

    async def ended(self, run: Run, said: tuple[str, ...] = (), *, round: int = 1) -> Ended:
        """What the call returns for a run that has come to a pause or an end, once whoever can be asked was asked."""
        client = Asks.of(self.context.session.client_capabilities)
        if self.context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            return await self._held(run, client, said)
        asked = await self._asked(run, client) if round <= MOST_ROUNDS else {}
        if not asked:
            return await self._result(run, said)
        digests = {request.id: request.digest for request in run.pending if request.id in asked}
        forms = tuple(id for id, each in asked.items() if _is_form(each))
        state = State(run=run.id, shown=digests, forms=forms, round=round)
        return InputRequiredResult(
            input_requests={id: ElicitRequest(params=each) for id, each in asked.items()},
            request_state=state.model_dump_json(),
        )

    async def came_back(self, state: State, responses: Mapping[str, object] | None) -> Ended:
        """What the call returns when the client has asked its user. Raises NotUnderstood, RunNotFound."""
        run = await self.desk.seen(self.caller, state.run)
        said, came = list[str](), set[Came]()
        for id, result in (responses or {}).items():
            if id not in state.shown or not isinstance(result, ElicitResult):
                raise NotUnderstood([Fault(f"inputResponses.{id}", "answers nothing that was asked")])
            one, words = await self._took(run, id, state.shown[id], id in state.forms, result)
            said.append(words)
            came.add(one)
        run = await self._after(run, came, frozenset(state.shown))
        if Came.DECIDED in came:
            return await self.ended(run, tuple(said), round=state.round + 1)
        return await self._result(run, tuple(said))

    # ── while the call waits ─────────────────────────────────────────────────────────────────────────────────────

    async def _held(self, run: Run, client: Asks, said: tuple[str, ...]) -> Ended:
        lines, came = list(said), {Came.DECIDED}
        for _ in range(MOST_ROUNDS):
            asked = await self._asked(run, client) if Came.DECIDED in came else {}
            if not asked:
                break
            came = set()
            for request in [each for each in run.pending if each.id in asked]:
                if (result := await _elicited(self.context, asked[request.id])) is None:
                    lines.append("Nobody has said anything in time: nothing is decided.")
                    break
                one, words = await self._took(run, request.id, request.digest, _is_form(asked[request.id]), result)
                lines.append(words)
                came.add(one)
            run = await self._after(run, came, frozenset(asked))
        return await self._result(run, tuple(lines))

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _asked(self, run: Run, client: Asks) -> dict[str, ElicitRequestParams]:
        return await questions(self.desk, self.caller, run, client) if run.state is RunState.PAUSED else {}

    async def _took(self, run: Run, id: str, digest: str, form: bool, result: ElicitResult) -> tuple[Came, str]:
        request = await self.desk.asked(run, id)
        if request.digest != digest:
            raise NotUnderstood(
                [Fault("requestState", "shows another action than the request has; call the tool anew")]
            )
        return await took(self.desk, await self.again(), run, request, form, result)

    async def _after(self, run: Run, came: Set[Came], asked: Collection[str]) -> Run:
        """A run as it stands when its user was asked; where a page was opened, once people have decided there."""
        now = await self.desk.hitl.run(run.id)
        if Came.OPENED in came and Came.DECIDED not in came:
            with suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_WAIT):
                    while any(request.id in asked for request in now.pending):
                        await self.desk.hitl.store.changed(timeout=1.0)
                        now = await self.desk.hitl.run(run.id)
        return await self.desk.gone_on(self.caller, now, LONGEST_WAIT) if came - {Came.NOTHING} else now

    async def _result(self, run: Run, said: tuple[str, ...]) -> CallToolResult:
        client = Asks.of(self.context.session.client_capabilities)
        return of_run(run, inbox=self.desk.inbox, said=(*said, *await unasked(self.desk, self.caller, run, client)))


def _is_form(question: ElicitRequestParams) -> bool:
    return isinstance(question, ElicitRequestFormParams)


async def _elicited(context: Context, question: ElicitRequestParams) -> ElicitResult | None:
    """What the client's user did; None if nothing came in time, or the client could not ask."""
    session: ServerSession = context.session
    try:
        async with asyncio.timeout(LONGEST_ASKED):
            if isinstance(question, ElicitRequestFormParams):
                return await session.elicit_form(question.message, question.requested_schema, context.request_id)
            asked = question.elicitation_id or ""
            return await session.elicit_url(question.message, question.url, asked, context.request_id)
    except (TimeoutError, MCPError, ValidationError) as exc:
        log.info("the client's user was not asked: %s", exc)
        return None

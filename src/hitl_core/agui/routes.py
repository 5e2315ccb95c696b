"""The routes: raw AG-UI, and the protocol by which a CopilotKit page talks to its runtime, without Node.

POST /agui/{agent}                         raw AG-UI: RunAgentInput in, events out
GET  {prefix}/info                         which agents there are, and what they can do
POST {prefix}/agent/{agent}/run            the same as raw AG-UI
POST {prefix}/agent/{agent}/connect        what was said, and what is open; changes nothing
POST {prefix}/agent/{agent}/stop/{thread}  the user wants no more of it
POST {prefix}                              the single endpoint: the same in an envelope `{"method", "params", "body"}`
GET  {prefix}/agent/{agent}/changes?thread=…   ours: says when a page should connect again
GET  {prefix}/agent/{agent}/waiting           ours: the conversations in which the person has something to decide
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ag_ui.core import BaseEvent
from ag_ui.encoder import EventEncoder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ..errors import Fault, FaultyError, HitlError, NotPermitted, NotUnderstood
from ..protocol import RunState
from .agent import Agent
from .changes import changes
from .conversation import Conversation
from .info import info
from .people import Person, Who
from .reading import posted
from .threads import thread_of, waiting
from .working import Working

log = logging.getLogger("hitl_core.agui")

BODY_LIMIT: Final = 4 << 20
"""Bytes that a page may post: it sends the whole conversation each time."""
STREAM: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class Pages:
    """The agents that pages talk to, and who may."""

    agents: Mapping[str, Agent]
    who: Who
    working: Working = field(default_factory=Working)

    def copilotkit(self, prefix: str) -> list[Route]:
        """The routes of CopilotKit's runtime protocol."""
        inside = f"{prefix}/agent/{{agent}}"
        return [
            Route(f"{prefix}/info", self._info, methods=["GET"]),
            Route(f"{inside}/run", self._run, methods=["POST"]),
            Route(f"{inside}/connect", self._connect, methods=["POST"]),
            Route(f"{inside}/stop/{{thread}}", self._stop, methods=["POST"]),
            Route(f"{inside}/changes", self._changes, methods=["GET"]),
            Route(f"{inside}/waiting", self._waiting, methods=["GET"]),
            Route(prefix or "/", self._single, methods=["POST"]),
        ]

    def agui(self, prefix: str) -> list[Route]:
        """The route of raw AG-UI."""
        return [Route(f"{prefix}/{{agent}}", self._run, methods=["POST"])]

    # ── one endpoint each ────────────────────────────────────────────────────────────────────────────────────

    async def _info(self, request: Request) -> Response:
        return await self._answered(request, self._informed)

    async def _run(self, request: Request) -> Response:
        return await self._answered(request, self._streamed, request.path_params["agent"], await _body(request))

    async def _connect(self, request: Request) -> Response:
        return await self._answered(request, self._replayed, request.path_params["agent"], await _body(request))

    async def _stop(self, request: Request) -> Response:
        return await self._answered(request, self._stopped, request.path_params["agent"], request.path_params["thread"])

    async def _changes(self, request: Request) -> Response:
        return await self._answered(
            request, self._changed, request.path_params["agent"], request.query_params.getlist("thread")
        )

    async def _waiting(self, request: Request) -> Response:
        return await self._answered(request, self._listed, request.path_params["agent"])

    async def _single(self, request: Request) -> Response:
        """The envelope of the single endpoint, opened."""
        try:
            envelope = json.loads(await _body(request))
            params = envelope.get("params") or {}
            body = json.dumps(envelope.get("body") or {}).encode()
            method, agent, thread = envelope["method"], params.get("agentId", ""), params.get("threadId", "")
        except (ValueError, AttributeError, KeyError) as exc:
            return _refused(NotUnderstood([Fault("", "is no envelope {method, params, body}")]), 422, exc)
        calls: dict[str, tuple[Any, ...]] = {
            "info": (self._informed,),
            "agent/run": (self._streamed, agent, body),
            "agent/connect": (self._replayed, agent, body),
            "agent/stop": (self._stopped, agent, thread),
        }
        if method not in calls:
            return _refused(NotUnderstood([Fault("method", f"is {method!r}; there are {', '.join(calls)}")]), 422)
        return await self._answered(request, *calls[method])

    # ── what each does ───────────────────────────────────────────────────────────────────────────────────────

    async def _answered(
        self, request: Request, does: Callable[..., Awaitable[Response]], agent: str | None = None, *given: Any
    ) -> Response:
        """What comes of a call, once it is known who calls and that there is such an agent."""
        person = await self.who(request)
        if person is None:
            return JSONResponse({"error": "sign in first; this page does not know who you are"}, 401)
        if agent is None:
            return await does(person)
        if agent not in self.agents:
            return JSONResponse({"error": f"there is no agent {agent!r}; there are {', '.join(self.agents)}"}, 404)
        try:
            return await does(person, self.agents[agent], *given)
        except NotUnderstood as exc:
            return _refused(exc, 422)

    async def _informed(self, person: Person) -> Response:
        return JSONResponse(info(self.agents.values()), headers={"Cache-Control": "no-store"})

    async def _streamed(self, person: Person, agent: Agent, body: bytes) -> Response:
        return _stream(Conversation(agent, person, posted(body), self.working).run())

    async def _replayed(self, person: Person, agent: Agent, body: bytes) -> Response:
        return _stream(Conversation(agent, person, posted(body), self.working).connect())

    async def _stopped(self, person: Person, agent: Agent, thread: str) -> Response:
        """A run that works is cancelled. One that waits for people stays: they were asked, and still are."""
        try:
            run = (await thread_of(agent.hitl, thread, person)).run
            if run is None or run.state not in (RunState.RUNNING, RunState.READY):
                return JSONResponse({"stopped": False})
            await agent.hitl.cancel(run.id, by=person.responder, reason="stopped on the page")
        except HitlError as exc:
            return JSONResponse({"stopped": False, "why": str(exc)}, 403)
        return JSONResponse({"stopped": True})

    async def _changed(self, person: Person, agent: Agent, threads: list[str]) -> Response:
        return StreamingResponse(changes(agent.hitl, threads, person, self.working), 200, STREAM, "text/event-stream")

    async def _listed(self, person: Person, agent: Agent) -> Response:
        try:
            found = await waiting(agent.hitl, person)
        except NotPermitted as exc:
            return JSONResponse({"error": str(exc)}, 403)
        return JSONResponse(found, headers={"Cache-Control": "no-store"})


async def _body(request: Request) -> bytes:
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > BODY_LIMIT:
            break
    return bytes(found)


def _refused(exc: FaultyError, status: int, cause: Exception | None = None) -> Response:
    faults = [{"path": each.path, "problem": each.problem} for each in exc.faults]
    return JSONResponse({"error": str(exc), "code": exc.code, "faults": faults}, status)


def _stream(events: AsyncIterator[BaseEvent]) -> Response:
    encoder = EventEncoder()

    async def written() -> AsyncIterator[str]:
        async for event in events:
            yield encoder.encode(event)

    return StreamingResponse(written(), 200, STREAM, encoder.get_content_type())

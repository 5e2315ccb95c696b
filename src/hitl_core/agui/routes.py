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

import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

from ag_ui.core import BaseEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..callers.seats import Seat
from ..errors import Fault, HitlError, NotPermitted, NotUnderstood
from .agent import Agent
from .changes import changes
from .conversation import Conversation
from .info import info
from .people import Person, Who
from .posts import Envelope, Refused, body_of, opened, require_meant, require_name
from .reading import posted
from .streams import Seated, written
from .threads import standing, waiting
from .working import Working

log = logging.getLogger("hitl_core.agui")

Does = Callable[[Person, Agent], Awaitable[Response]]
"""What a call does for a person at a page of an agent."""


@dataclass(frozen=True, slots=True)
class Pages:
    """The agents that pages talk to, and who may."""

    agents: Mapping[str, Agent]
    who: Who
    working: Working = field(default_factory=Working)
    _posts: Counter[str] = field(default_factory=Counter)
    _listeners: Counter[str] = field(default_factory=Counter)
    """Streams by who has them, those that answer apart from those that listen: these keep nobody from answering."""

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
        async def told(person: Person) -> Response:
            return self._informed()

        return await self._answered(request, told)

    async def _run(self, request: Request) -> Response:
        async def streamed(person: Person, agent: Agent) -> Response:
            return await self._streamed(await body_of(request), person, agent)

        return await self._answered_by_agent(request, streamed)

    async def _connect(self, request: Request) -> Response:
        async def replayed(person: Person, agent: Agent) -> Response:
            return await self._replayed(await body_of(request), person, agent)

        return await self._answered_by_agent(request, replayed)

    async def _stop(self, request: Request) -> Response:
        async def stopped(person: Person, agent: Agent) -> Response:
            require_meant(request)
            return await self._stopped(request.path_params["thread"], person, agent)

        return await self._answered_by_agent(request, stopped)

    async def _changes(self, request: Request) -> Response:
        return await self._answered_by_agent(request, partial(self._changed, request))

    async def _waiting(self, request: Request) -> Response:
        return await self._answered_by_agent(request, self._listed)

    async def _single(self, request: Request) -> Response:
        """The envelope of the single endpoint, opened."""

        async def called(person: Person) -> Response:
            return await self._called(opened(await body_of(request)), person)

        return await self._answered(request, called)

    # ── who calls, and which agent ───────────────────────────────────────────────────────────────────────────────

    async def _answered_by_agent(self, request: Request, does: Does) -> Response:
        """What comes of a call of the agent that its path names."""
        return await self._answered(request, partial(self._with_agent, request.path_params["agent"], does))

    async def _answered(self, request: Request, does: Callable[[Person], Awaitable[Response]]) -> Response:
        """What comes of a call, once it is known who calls: of nobody's call nothing is read."""
        person = await self._who(request)
        if person is None:
            return JSONResponse({"error": "sign in first; this page does not know who you are"}, 401)
        try:
            return await does(person)
        except Refused as exc:
            return JSONResponse({"error": str(exc)}, exc.status, {"Connection": "close"})
        except NotUnderstood as exc:
            faults = [{"path": each.path, "problem": each.problem} for each in exc.faults]
            return JSONResponse({"error": str(exc), "code": exc.code, "faults": faults}, 422)

    async def _who(self, request: Request) -> Person | None:
        """Who calls. Nobody does by a header or a cookie that names what nobody can be called."""
        try:
            person = await self.who(request)
        except (ValueError, LookupError) as exc:
            log.info("a page is not let in, for what says who it is makes no sense: %s", exc)
            return None
        return person if person is not None and person.responder.id.isprintable() else None

    async def _with_agent(self, agent: str, does: Does, person: Person) -> Response:
        if agent not in self.agents:
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no agent {agent!r}; there are {', '.join(self.agents)}")
        return await does(person, self.agents[agent])

    # ── what each does ───────────────────────────────────────────────────────────────────────────────────────

    async def _called(self, call: Envelope, person: Person) -> Response:
        calls: dict[str, Does] = {
            "agent/run": partial(self._streamed, call.body),
            "agent/connect": partial(self._replayed, call.body),
            "agent/stop": partial(self._stopped, call.thread),
        }
        if call.method == "info":
            return self._informed()
        if call.method not in calls:
            raise NotUnderstood([Fault("method", f"is {call.method[:100]!r}; there are info, {', '.join(calls)}")])
        return await self._with_agent(call.agent, calls[call.method], person)

    def _informed(self) -> Response:
        return JSONResponse(info(self.agents.values()), headers={"Cache-Control": "no-store"})

    async def _streamed(self, body: bytes, person: Person, agent: Agent) -> Response:
        return self._posting(Conversation(agent, person, posted(body), self.working).run(), person)

    async def _replayed(self, body: bytes, person: Person, agent: Agent) -> Response:
        return self._posting(Conversation(agent, person, posted(body), self.working).connect(), person)

    def _posting(self, events: AsyncGenerator[BaseEvent], person: Person) -> Response:
        return _stream(written(events), person, self._posts)

    async def _stopped(self, thread: str, person: Person, agent: Agent) -> Response:
        """A run that works is cancelled. One that waits for people stays: they were asked, and still are."""
        try:
            found = await standing(agent, require_name(thread), person)
            run = found.run
            if run is None or not run.state.at_work:
                return JSONResponse({"stopped": False})
            if not (found.own or person.may_stop):
                why = "others have begun this: whoever operates it may stop it, and they themselves"
                return JSONResponse({"stopped": False, "why": why}, 403)
            await agent.hitl.cancel(run.id, by=person.responder, reason="stopped on the page")
        except NotUnderstood:
            raise
        except HitlError as exc:
            return JSONResponse({"stopped": False, "why": str(exc)}, 403)
        return JSONResponse({"stopped": True})

    async def _changed(self, request: Request, person: Person, agent: Agent) -> Response:
        threads = [require_name(each) for each in request.query_params.getlist("thread")]

        async def still() -> bool:
            return await self._who(request) == person

        return _stream(changes(agent, threads, person, self.working, still), person, self._listeners)

    async def _listed(self, person: Person, agent: Agent) -> Response:
        try:
            found = await waiting(agent, person)
        except NotPermitted as exc:
            return JSONResponse({"error": str(exc)}, 403)
        return JSONResponse(found, headers={"Cache-Control": "no-store"})


def _stream(told: AsyncGenerator[str], person: Person, taken: Counter[str]) -> Response:
    """A stream from a place of one person. Those whom nobody knows cannot be told apart."""
    name = person.responder.id
    return Seated(told, Seat(name, taken if person.starts_as is not None else Counter()), name)

"""A page without a browser: it posts as CopilotKit's client does, and keeps what it is told as that client would."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, Self
from uuid import uuid4

import httpx
from starlette.applications import Starlette
from starlette.requests import Request

from hitl_core.agui import Agent, Pages, Person, mount_copilotkit
from hitl_core.protocol import Responder
from hitl_core.runtime import Runtime

HOST = "http://page.test"
AGENT = "desk"

Event = dict[str, Any]


async def by_header(request: Request) -> Person | None:
    """Whoever the header names; it stands for what an app of one's own knows of its user."""
    name = request.headers.get("x-person", "ann")
    if name == "nobody":
        return None
    return Person(Responder(id=name, channel="page", authenticated_by="test"))


@asynccontextmanager
async def served(hitl: Runtime | Mapping[str, Runtime | Agent], **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """An app with the routes, without a socket."""
    app, pages = mounted(hitl, **options)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as client:
        yield client
        await pages.working.close()


def mounted(hitl: Runtime | Mapping[str, Runtime | Agent], **options: Any) -> tuple[Starlette, Pages]:
    app = Starlette()
    named = {AGENT: hitl} if isinstance(hitl, Runtime) else hitl
    return app, mount_copilotkit(app, named, **{"who": by_header, **options})


def events_in(body: str) -> list[Event]:
    lines = (line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: "))
    return [json.loads(line) for line in lines]


@dataclass
class Page:
    """One page in one conversation. `messages` is what it holds, as the client would have put it together."""

    client: httpx.AsyncClient
    thread: str = "thread-1"
    person: str = "ann"
    agent: str = AGENT
    tools: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    interrupts: list[dict[str, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    wire: list[tuple[dict[str, Any], list[Event]]] = field(default_factory=list)
    """All that went over it: where to, whose, and the body; and the events that came."""
    hears: int | None = None
    """How many events it takes in of each post: a connection that is cut then. None takes in all."""

    async def say(self, text: str, *, id: str = "") -> list[str]:
        """Post what the user says; the types of the events that come."""
        self.messages.append({"id": id or str(uuid4()), "role": "user", "content": text})
        return await self.post()

    async def resume(self, *entries: dict[str, Any], **fields: Any) -> list[str]:
        return await self.post(resume=list(entries), **fields)

    async def resolve(self, payload: Any, at: int = 0) -> list[str]:
        """Answer an interrupt that is open, as `resolve(payload, id)` does."""
        return await self.resume(resolved(self.interrupts[at]["id"], payload))

    async def result(self, call: str, content: Any) -> list[str]:
        text = content if isinstance(content, str) else json.dumps(content)
        self.messages.append({"id": str(uuid4()), "role": "tool", "toolCallId": call, "content": text})
        return await self.post()

    def another(self, person: str = "ann", thread: str = "") -> Self:
        """A second browser."""
        new: dict[str, Any] = {"messages": [], "interrupts": [], "events": [], "wire": []}
        return replace(self, thread=thread or self.thread, person=person, **new)

    async def connect(self) -> list[str]:
        """As after the page was loaded: it has nothing, and asks for all."""
        self.messages = []
        return await self.post("connect")

    async def post(self, route: str = "run", **fields: Any) -> list[str]:
        body = {
            **{"threadId": self.thread, "runId": str(uuid4()), "messages": self.messages, "tools": self.tools},
            **{"context": [], "forwardedProps": {}, "state": {}},
            **fields,
        }
        path = f"/copilotkit/agent/{self.agent}/{route}"
        headers = {"x-person": self.person, "content-type": "application/json"}
        response = await self.client.post(path, content=json.dumps(body), headers=headers)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith("text/event-stream")
        self.events = events_in(response.text)
        whose = {} if self.person == "ann" else {"by": self.person}
        self.wire.append(deepcopy(({"post": route, **whose, "body": body}, self.events)))
        check_order(self.events)
        for event in self.events[: self.hears]:
            self._hear(event)
        return [event["type"] for event in self.events]

    def _hear(self, event: Event) -> None:
        match event["type"]:
            case "TEXT_MESSAGE_START":
                self.messages.append({"id": event["messageId"], "role": "assistant", "content": ""})
            case "TEXT_MESSAGE_CONTENT":
                self._message(event["messageId"])["content"] += event["delta"]
            case "TOOL_CALL_START":
                function = {"name": event["toolCallName"], "arguments": ""}
                call = {"id": event["toolCallId"], "type": "function", "function": function}
                self._caller(event).setdefault("toolCalls", []).append(call)
            case "TOOL_CALL_ARGS":
                calls = [each for message in self.messages for each in message.get("toolCalls", ())]
                named = next(each for each in calls if each["id"] == event["toolCallId"])
                named["function"]["arguments"] += event["delta"]
            case "TOOL_CALL_RESULT":
                said = {"id": event["messageId"], "toolCallId": event["toolCallId"], "content": event["content"]}
                self.messages.append({**said, "role": "tool"})
            case "MESSAGES_SNAPSHOT":
                self.messages = with_snapshot(self.messages, event["messages"])
            case "RUN_FINISHED":
                self.interrupts = event.get("outcome", {}).get("interrupts", [])
            case _:
                pass

    def _message(self, id: str) -> dict[str, Any]:
        return next(each for each in self.messages if each["id"] == id)

    def _caller(self, event: Event) -> dict[str, Any]:
        id = event.get("parentMessageId") or event["toolCallId"]
        known = [each for each in self.messages if each["id"] == id]
        if not known:
            known = [{"id": id, "role": "assistant"}]
            self.messages += known
        return known[0]

    @property
    def texts(self) -> list[str]:
        """What was said by the assistant, apart from its calls."""
        return [each["content"] for each in self.messages if each["role"] == "assistant" and each.get("content")]

    @property
    def open_calls(self) -> list[dict[str, Any]]:
        """The calls without a result."""
        done = {each["toolCallId"] for each in self.messages if each["role"] == "tool"}
        calls = [call for message in self.messages for call in message.get("toolCalls", ())]
        return [each for each in calls if each["id"] not in done]


def with_snapshot(messages: list[dict[str, Any]], snapshot: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a page holds after a snapshot (@ag-ui/client, apply/default.ts, MESSAGES_SNAPSHOT)."""
    new = {each["id"]: each for each in snapshot}
    kept = {each["id"]: new[each["id"]] for each in messages if each["id"] in new}
    return [*kept.values(), *(each for id, each in new.items() if id not in kept)]


def resolved(id: str, payload: Any) -> dict[str, Any]:
    return {"interruptId": id, "status": "resolved", "payload": payload}


def cancelled(id: str) -> dict[str, Any]:
    return {"interruptId": id, "status": "cancelled"}


def check_order(events: list[Event]) -> None:
    """What the client checks: the run is begun first and ended last, and all that was begun in it is ended."""
    types = [event["type"] for event in events]
    assert types[0] == "RUN_STARTED"
    assert types[-1] == "RUN_FINISHED"
    assert types.count("RUN_STARTED") == types.count("RUN_FINISHED") == 1
    for begun, ended, key in _PAIRS:
        names = {type: sorted(each[key] for each in events if each["type"] == type) for type in (begun, ended)}
        assert names[begun] == names[ended]


_PAIRS = (
    ("TEXT_MESSAGE_START", "TEXT_MESSAGE_END", "messageId"),
    ("TOOL_CALL_START", "TOOL_CALL_END", "toolCallId"),
    ("STEP_STARTED", "STEP_FINISHED", "stepName"),
)

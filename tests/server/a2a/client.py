"""The official SDK's client, with a token, over a real socket."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from a2a.client import A2ACardResolver, Client, ClientConfig, ClientFactory
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    ListTasksResponse,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskPushNotificationConfig,
    TaskState,
    TaskStatus,
)
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Value

WAITS = TaskState.TASK_STATE_INPUT_REQUIRED
DONE = TaskState.TASK_STATE_COMPLETED
WORKS = TaskState.TASK_STATE_WORKING


def data(value: Any) -> Part:
    made: Value = ParseDict(value, Value())
    return Part(data=made)


def status_in(event: StreamResponse) -> TaskStatus:
    """How a task stands: what is quick enough has come to its end before it is told of for the first time."""
    return event.status_update.status if event.HasField("status_update") else event.task.status


def requests_in(task: Task) -> list[dict[str, Any]]:
    """The requests that a task's message carries."""
    found = [MessageToDict(part.data) for part in task.status.message.parts if part.WhichOneof("content") == "data"]
    return [each for each in found if "request" in each]


def refused_in(task: Task) -> list[str]:
    found = [MessageToDict(part.data) for part in task.status.message.parts if part.WhichOneof("content") == "data"]
    return [fault["problem"] for each in found for fault in each.get("refused", ())]


def output_of(task: Task) -> Any:
    (artifact,) = task.artifacts
    (part,) = artifact.parts
    return MessageToDict(part.data) if part.WhichOneof("content") == "data" else part.text


def decided(request: dict[str, Any], type: str, **fields: Any) -> dict[str, Any]:
    """An answer as the request's schema has it."""
    return {"request": request["request"], "digest": request["digest"], "decision": {"type": type, **fields}}


@dataclass
class Caller:
    """Somebody's client."""

    client: Client
    card: AgentCard

    async def events(self, *parts: Part, wait: bool = True, push: str = "", **where: Any) -> list[StreamResponse]:
        where.setdefault("message_id", uuid.uuid4().hex)
        where.setdefault("role", Role.ROLE_USER)
        message = Message(parts=parts, **where)
        told = TaskPushNotificationConfig(url=push) if push else None
        configuration = SendMessageConfiguration(return_immediately=not wait, task_push_notification_config=told)
        request = SendMessageRequest(message=message, configuration=configuration)
        return [event async for event in self.client.send_message(request)]

    async def send(self, *parts: Part, **where: Any) -> Task:
        (event,) = await self.events(*parts, **where)
        return event.task

    async def start(self, **given: Any) -> Task:
        return await self.send(data(given))

    async def answer(self, task: Task, *said: dict[str, Any], **where: Any) -> Task:
        return await self.send(*map(data, said), task_id=task.id, context_id=task.context_id, **where)

    async def get(self, task: str, history: int | None = None) -> Task:
        return await self.client.get_task(GetTaskRequest(id=task, history_length=history))

    async def tasks(self, **which: Any) -> ListTasksResponse:
        return await self.client.list_tasks(ListTasksRequest(**which))

    async def cancel(self, task: str) -> Task:
        return await self.client.cancel_task(CancelTaskRequest(id=task))

    async def follow(self, task: str) -> list[StreamResponse]:
        return [event async for event in self.client.subscribe(SubscribeToTaskRequest(id=task))]


@asynccontextmanager
async def calling(
    url: str, who: str | None, *, streams: bool = False, version: str = "1.0", at: str = "/a2a"
) -> AsyncIterator[Caller]:
    headers = {"Authorization": f"Bearer {who}"} if who else {}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        card = await A2ACardResolver(http, f"{url}{at}").get_agent_card()
        for each in card.supported_interfaces:
            if each.protocol_version != version:
                card.supported_interfaces.remove(each)  # as for a client that knows no other
        # the card names where people reach it; this test's server is on a port of its own
        card.supported_interfaces[0].url = f"{url}{at}"
        client = ClientFactory(ClientConfig(streaming=streams, httpx_client=http)).create(card)
        yield Caller(client, card)

"""Every case that is recorded (tests/agui/test_golden.py) happens live, over a socket, at AG-UI's own client:
it takes each stream, and is told in the same order what was recorded."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from hitl_core.runtime import Runtime
from tests.agui.page import AGENT, Page, check_order, mounted
from tests.agui.test_conversation import at_desk
from tests.agui.test_golden import CASES, GOLDEN
from tests.cli.shop import PATIENCE
from tests.copilotkit.talking import Client, Talking
from tests.copilotkit.test_recorded import streams


@asynccontextmanager
async def on_a_socket(hitl: Runtime, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    app, pages = mounted(hitl, **options)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=PATIENCE
        ) as client:
            yield client
            await pages.working.close()
    finally:
        server.should_exit = True
        await running


@dataclass
class LivePage(Page):
    """It holds what the client holds, and posts what that posts."""

    node: Client = field(kw_only=True)
    talking: Talking | None = field(default=None, init=False)
    known: set[str] = field(default_factory=set, init=False)

    async def post(self, route: str = "run", **fields: Any) -> list[str]:
        url = f"{self.client.base_url}/copilotkit/agent/{AGENT}"
        if self.talking is None:
            headers = {"x-person": self.person}
            self.talking = self.node.open(f"{url}/run", thread=self.thread, headers=headers, tools=self.tools)
        given = {"connect": f"{url}/connect"} if route == "connect" else {**self._said(fields), **fields}
        came = await asyncio.to_thread(self.talking.step, **given)
        self.messages, self.interrupts, self.events = came["messages"], came["interrupts"], came["events"]
        self.wire.append(({"post": route}, self.events))
        check_order(self.events)
        self.known = {each["id"] for each in self.messages}
        return [str(each) for each in came["heard"]]

    def _said(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What is new in it. A client that leaves something open unanswered has to forget it first."""
        answered = {each["interruptId"] for each in fields.get("resume", ())}
        loose = not answered.issuperset(each["id"] for each in self.interrupts)
        return {"add": [each for each in self.messages if each["id"] not in self.known], "loose": loose}


@pytest.mark.parametrize("name", CASES)
async def test_it_is_told_live_as_it_was_recorded(tmp_path: Path, client: Client, name: str) -> None:
    case, wire = CASES[name], list[Any]()
    for step in case.steps:
        page = partial(LivePage, node=client)
        async with at_desk(tmp_path, rules=case.of, through=on_a_socket, page=page, **case.options) as desk:
            desk.page.wire = wire
            await step(desk)
    told = [[each["type"] for each in events] for _, events in wire]
    assert told == [[each["type"] for each in stream] for stream in streams(GOLDEN / f"{name}.jsonl")]

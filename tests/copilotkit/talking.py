"""AG-UI's own client in a process of Node: it checks every event that it is sent, and its order, by itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

CLIENT = Path(os.environ.get("HITL_AGUI_CLIENT") or Path(__file__).parent / "client")

Came = dict[str, Any]
"""What came of a step: what was heard, what is open, and the client's messages."""


class Client:
    """One release of the client; its pages are opened one after the other, because Node takes long to start."""

    def __init__(self, which: str) -> None:
        node = shutil.which("node")
        assert node, "no node"
        self._process = subprocess.Popen(
            [node, "talk.mjs", which], cwd=CLIENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, of: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()

    def step(self, **given: Any) -> Came:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(given) + "\n")
        self._process.stdin.flush()
        found: Came = json.loads(self._process.stdout.readline())
        return found

    def open(self, url: str, **given: Any) -> Talking:
        """A page in a conversation; of its own unless it is given the `thread` of another, or `headers`, or `tools`."""
        return Talking(self, url, **given)


class Refused(AssertionError):
    """The client does not take what it was sent, or complains of it."""


class Talking:
    """One page in one conversation."""

    def __init__(
        self,
        client: Client,
        url: str,
        *,
        thread: str = "",
        headers: Mapping[str, str] | None = None,
        tools: Sequence[Any] = (),
    ) -> None:
        self.thread = thread or str(uuid4())
        self._client, self._page = client, str(uuid4())
        opened = {"url": url, "threadId": self.thread, "headers": dict(headers or {})}
        client.step(page=self._page, open=opened, tools=list(tools))

    def step(self, **given: Any) -> Came:
        """Raises Refused."""
        came = self._client.step(page=self._page, **given)
        if wrong := came.get("error") or came.get("warned"):
            raise Refused(wrong)
        return came

    def say(self, text: str, **given: Any) -> Came:
        return self.step(add=[{"id": str(uuid4()), "role": "user", "content": text}], **given)

    def result(self, call: str, content: Any) -> Came:
        """What a tool of the page has come to."""
        told = {"id": str(uuid4()), "role": "tool", "toolCallId": call, "content": json.dumps(content)}
        return self.step(add=[told])

    def resolve(self, interrupt: dict[str, Any], payload: Any) -> Came:
        return self.step(resume=[resolved(interrupt, payload)])


def resolved(interrupt: dict[str, Any], payload: Any) -> dict[str, Any]:
    return {"interruptId": interrupt["id"], "status": "resolved", "payload": payload}


def cancelled(interrupt: dict[str, Any]) -> dict[str, Any]:
    return {"interruptId": interrupt["id"], "status": "cancelled"}


def texts(came: Came) -> list[str]:
    """What the assistant has said, apart from its calls."""
    return [each["content"] for each in came["messages"] if each["role"] == "assistant" and each.get("content")]


def ids(came: Came) -> list[str]:
    return [each["id"] for each in came["messages"]]


def calls(came: Came) -> list[dict[str, Any]]:
    return [call for each in came["messages"] for call in each.get("toolCalls", ())]

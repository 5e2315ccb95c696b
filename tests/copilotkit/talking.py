"""AG-UI's own client in a process of Node: it checks every event that it is sent, and its order, by itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

CLIENT = Path(os.environ.get("HITL_AGUI_CLIENT") or Path(__file__).parent / "client")


class Talking:
    """One conversation. Each step returns what came of it: what was heard, what is open, and the client's messages."""

    def __init__(self, which: str, url: str) -> None:
        node = shutil.which("node")
        assert node, "no node"
        self._process = subprocess.Popen(
            [node, "talk.mjs", which, url, str(uuid4())],
            cwd=CLIENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, of: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()

    def step(self, **given: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(given) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def say(self, text: str) -> dict[str, Any]:
        return self.step(say=text)

    def resolve(self, interrupt: dict[str, Any], payload: Any) -> dict[str, Any]:
        return self.step(resume=[{"interruptId": interrupt["id"], "status": "resolved", "payload": payload}])

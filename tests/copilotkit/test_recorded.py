"""AG-UI's own client takes every recorded stream (tests/agui/golden), as CopilotKit pins it and the newest."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from tests.copilotkit.talking import Talking
from tests.tree.source import ROOT

GOLDEN: Final = sorted((ROOT / "tests" / "agui" / "golden").glob("*.jsonl"))


def streams(file: Path) -> list[list[str]]:
    """The events that followed each POST, as they were sent."""
    found: list[list[str]] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        read: dict[str, Any] = json.loads(line)
        if "post" in read:
            found.append([])
        else:
            found[-1].append(line)
    return found


@contextmanager
def replaying(told: list[list[str]]) -> Iterator[str]:
    """A server that answers the nth POST with the nth stream."""
    left = iter(told)

    class Replay(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the standard library's name
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write("".join(f"data: {line}\n\n" for line in next(left)).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Replay)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("which", ["pinned", "newest"])
@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_the_client_takes_it(file: Path, which: str) -> None:
    told = streams(file)
    assert told
    with replaying(told) as url, Talking(which, url) as client:
        open_now: list[dict[str, Any]] = []
        for stream in told:
            resume = [{"interruptId": each["id"], "status": "cancelled"} for each in open_now]
            came = client.step(resume=resume) if resume else client.step(say="go on")
            assert "error" not in came, came["error"]
            assert came["heard"] == [json.loads(line)["type"] for line in stream]
            open_now = came["interrupts"]

"""AG-UI's own client takes every recorded stream (tests/agui/golden), as CopilotKit pins it and the newest, and takes
none of those that are broken on purpose: so its yes means something."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from tests.copilotkit.talking import Client, Refused, cancelled
from tests.tree.source import ROOT

GOLDEN: Final = sorted((ROOT / "tests" / "agui" / "golden").glob("*.jsonl"))

Stream = list[dict[str, Any]]


def streams(file: Path) -> list[Stream]:
    """The events that followed each POST."""
    found: list[Stream] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        read: dict[str, Any] = json.loads(line)
        if "post" in read:
            found.append([])
        else:
            found[-1].append(read)
    return found


@contextmanager
def replaying(told: list[Stream]) -> Iterator[str]:
    """A server that answers the nth POST with the nth stream."""
    left = iter(told)

    class Replay(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the standard library's name
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write("".join(f"data: {json.dumps(each)}\n\n" for each in next(left)).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Replay)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_the_client_takes_it(file: Path, client: Client) -> None:
    told = streams(file)
    assert told
    with replaying(told) as url:
        page = client.open(url)
        open_now: list[dict[str, Any]] = []
        for stream in told:
            resume = [cancelled(each) for each in open_now]
            came = page.step(resume=resume) if resume else page.say("go on")
            assert came["heard"] == [each["type"] for each in stream]
            open_now = came["interrupts"]


# ── what the client refuses ──────────────────────────────────────────────────────────────────────────────────


def _without(type: str) -> Callable[[Stream], Stream]:
    return lambda stream: [each for each in stream if each["type"] != type]


def _twice(type: str) -> Callable[[Stream], Stream]:
    return lambda stream: [again for each in stream for again in ([each, each] if each["type"] == type else [each])]


def _late(stream: Stream) -> Stream:
    return [*stream[:1], *stream[2:], stream[1]]


def _interrupt(**fields: Any) -> Callable[[Stream], Stream]:
    """The interrupts of the run's end, with these fields."""

    def changed(stream: Stream) -> Stream:
        outcome = stream[-1]["outcome"]
        interrupts = [each | fields for each in outcome["interrupts"]]
        return [*stream[:-1], stream[-1] | {"outcome": outcome | {"interrupts": interrupts}}]

    return changed


def _outcome(**fields: Any) -> Callable[[Stream], Stream]:
    return lambda stream: [*stream[:-1], stream[-1] | {"outcome": fields}]


BROKEN: Final[dict[str, Callable[[Stream], Stream]]] = {
    "it does not begin": _without("RUN_STARTED"),
    "it begins twice": _twice("RUN_STARTED"),
    "a text that was not begun": _without("TEXT_MESSAGE_START"),
    "a text that is not ended": _without("TEXT_MESSAGE_END"),
    "a text that is ended twice": _twice("TEXT_MESSAGE_END"),
    "a call that was not begun": _without("TOOL_CALL_START"),
    "a call that is not ended": _without("TOOL_CALL_END"),
    "something after its end": _late,
    "an interrupt without a reason": _interrupt(reason=None),
    "an interrupt whose schema is no object": _interrupt(responseSchema=True),
    "an outcome that there is not": _outcome(type="paused"),
    "an outcome that lacks what it is about": _outcome(type="interrupt"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_the_client_refuses_it(broken: Callable[[Stream], Stream], client: Client) -> None:
    asked = streams(next(file for file in GOLDEN if file.stem == "approve"))[0]
    with replaying([broken(asked)]) as url, pytest.raises(Refused):
        client.open(url).say("go on")

"""Processes that go on until they are ended: a warm parent forks each when it is told to, and says how it ended.

with Crew("package.module:warm", kit="…") as crew:
    one = crew.begin(Order("package.module:works", {"folder": "/tmp/x"}))
    crew.signal(one, signal.SIGSTOP)            # only ever a process that is still its child
    crew.ended(timeout=1.0)                     # {one: Ended(signal=9)}: those that have ended since

With it all of them end. As for `Processes`, what the parent has imported need not be imported again.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import Any, Final, Self

from ..cli.importing import importing
from .processes import Ended, Order, begin_child, named, reaped

_MODULE: Final = "hitl_core.testing.crew"


class Crew:
    """The warm parent. `warm` names a function that it calls first, with `arguments`."""

    def __init__(self, warm: str, *, quiet: bool = True, **arguments: Any) -> None:
        self._numbers = itertools.count(1)
        self._ended: queue.Queue[tuple[int, Ended]] = queue.Queue()
        self._parent = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", _MODULE, warm, json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(each or os.getcwd() for each in sys.path)},
        )
        self._hears = threading.Thread(target=self._hear, daemon=True)
        self._hears.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._parent.stdin.close()
        self._parent.wait()
        self._hears.join()
        self._parent.stdout.close()

    def begin(self, order: Order) -> int:
        """Begin a process; its number here."""
        number = next(self._numbers)
        self._say({"begin": number, "order": asdict(order)})
        return number

    def signal(self, number: int, what: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        self._say({"signal": number, "what": int(what)})

    def ended(self, *, timeout: float = 0.0) -> dict[int, Ended]:
        """Wait for one of them to end, at most so many seconds; those that have. RuntimeError without a parent."""
        found: dict[int, Ended] = {}
        with contextlib.suppress(queue.Empty):
            found.update([self._ended.get(timeout=max(timeout, 0.001))])
            while True:
                found.update([self._ended.get_nowait()])
        if not found and not self._hears.is_alive():
            raise RuntimeError("the parent of all processes has ended: what it calls to get warm must be importable")
        return found

    def _say(self, order: dict[str, Any]) -> None:
        assert self._parent.stdin is not None
        self._parent.stdin.write(json.dumps(order) + "\n")
        self._parent.stdin.flush()

    def _hear(self) -> None:
        assert self._parent.stdout is not None
        for line in self._parent.stdout:
            number, ended = json.loads(line)
            self._ended.put((number, Ended(**ended)))


# ── in the parent ────────────────────────────────────────────────────────────────────────────────────────────


class _Parent:
    """Its children by the pipe in which each says how it ended."""

    def __init__(self, out: int) -> None:
        self._out = out
        self._children: dict[int, tuple[int, int, bytearray]] = {}

    def serve(self) -> None:
        """Do what is said on standard input until that ends; then whoever is left ends too."""
        heard = b""
        while True:
            for ready in select.select([0, *self._children], [], [])[0]:
                said = os.read(ready, 65_536)
                if ready:
                    self._child_said(ready, said)
                    continue
                if not said:
                    return self._end_all()
                *lines, heard = (heard + said).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))

    def _obey(self, order: dict[str, Any]) -> None:
        if "begin" in order:
            pid, reading = begin_child(order["order"])
            self._children[reading] = (order["begin"], pid, bytearray())
            return
        for number, pid, _ in self._children.values():
            if number == order["signal"]:
                os.kill(pid, order["what"])

    def _child_said(self, reading: int, said: bytes) -> None:
        number, pid, before = self._children[reading]
        before.extend(said)
        if not said:
            del self._children[reading]
            os.write(self._out, json.dumps([number, reaped(reading, pid, bytes(before))]).encode() + b"\n")

    def _end_all(self) -> None:
        for _, pid, _ in self._children.values():
            os.kill(pid, signal.SIGKILL)
        for reading, (_, pid, _) in self._children.items():
            reaped(reading, pid, b"")


if __name__ == "__main__":
    out = os.dup(1)
    os.dup2(2, 1)  # what a framework prints is not an ending
    with importing():
        named(sys.argv[1])(**json.loads(sys.argv[2]))
    _Parent(out).serve()

"""Real processes that die: a warm parent that forks one child for every order, and says how each of them ended.

    with Processes() as processes:
        ended = processes.run("tests.core.runtime.stories:start", folder="/tmp/x", crash="before PauseRun 1")

One interpreter start costs 0.3 s and more; a fork of one that has imported everything costs a few milliseconds. The
parent has one thread and no loop, so what it forks is as clean as a new process.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: killed by `signal`, or with what its function returned (or the error it raised)."""

    signal: int
    result: Any = None
    error: str = ""


class Processes:
    """The warm parent. Orders are carried out one after the other; `begin` and `end` let several run at once."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.core.runtime.processes"]
        self._parent = subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, text=True, bufsize=1)
        return self

    def __exit__(self, *exc: object) -> None:
        self._into.close()
        self._parent.wait()
        self._from.close()

    def run(self, function: str, **arguments: Any) -> Ended:
        """Carry out `module:function(**arguments)` in a child of its own; returns how it ended."""
        (ended,) = self.together([(function, arguments)])
        return ended

    def together(self, orders: list[tuple[str, dict[str, Any]]]) -> list[Ended]:
        """Carry out several orders at once, each in a child of its own."""
        self._into.write(json.dumps(orders) + "\n")
        self._into.flush()
        answer = self._from.readline()
        assert answer, "the parent of the children has died"
        return [Ended(**each) for each in json.loads(answer)]

    @property
    def _into(self) -> IO[str]:
        assert self._parent.stdin is not None
        return self._parent.stdin

    @property
    def _from(self) -> IO[str]:
        assert self._parent.stdout is not None
        return self._parent.stdout


def serve() -> None:
    """The parent: one line of orders in, one line of endings out."""
    for line in sys.stdin:
        children = [_fork(*order) for order in json.loads(line)]
        print(json.dumps([_ended(*child) for child in children]), flush=True)


def _fork(function: str, arguments: dict[str, Any]) -> tuple[int, int]:
    module, _, name = function.partition(":")
    work = getattr(importlib.import_module(module), name)
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    os.close(reading)
    _work(work, arguments, writing)
    os._exit(0)


def _work(work: Any, arguments: dict[str, Any], writing: int) -> None:
    try:
        said = {"result": asyncio.run(work(**arguments))}
    except BaseException as exc:  # whatever it was, the test is to see it
        said = {"error": f"{type(exc).__name__}: {exc}"}
    with os.fdopen(writing, "w") as pipe:
        pipe.write(json.dumps(said))


def _ended(child: int, reading: int) -> dict[str, Any]:
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return {"signal": signal, **(json.loads(said) if said else {})}


if __name__ == "__main__":
    serve()

"""Real processes that die: a warm parent forks one child for every order, and says how each of them ended.

    with Processes("package.module:warm") as processes:
        processes.run(Order("package.module:work", {"folder": "/tmp/x"}))                       # Ended(result=…)
        processes.run(Order("package.module:work", {"folder": "/tmp/x"}, kill_after=0.05))      # Ended(signal=9)

Starting an interpreter and importing a framework costs seconds; a fork of a parent that has done so costs
milliseconds. The parent has one thread and no loop, so that what it forks is as clean as a new process. Where importing
the framework started threads, it cannot be forked: each order gets a new interpreter instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from typing import IO, Any, Final, Self

from ..cli.importing import importing

KILLED: Final = signal.SIGKILL
PATIENCE: Final = 300
"""Seconds that a child may take; one that hangs ends, and the test is told by which signal."""

_MODULE: Final = "hitl_core.testing.processes"


@dataclass(frozen=True, slots=True)
class Order:
    """A function, sync or async, named `module:function`, with arguments that are JSON.

    `kill_after`: seconds after which the child gets a SIGKILL, wherever it is. `begin_after`: seconds that it waits
    before it calls the function, for a race whose moments are chosen. `patience`: seconds that it may take.
    """

    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    kill_after: float | None = None
    begin_after: float = 0.0
    patience: int = PATIENCE

    @classmethod
    def of(cls, function: Callable[..., Any] | str, /, **arguments: Any) -> Order:
        """An order for a function that another process can import."""
        return cls(function if isinstance(function, str) else name_of(function), arguments)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: killed by `signal`, or with what its function returned, or with the error that it raised."""

    signal: int = 0
    result: Any = None
    error: str = ""

    @property
    def killed(self) -> bool:
        return self.signal == KILLED


class Processes:
    """The warm parent. `warm` names a module that it imports first, or a function that it calls with `arguments`.

    `quiet`: what it and its children print is thrown away, where they fail on purpose.
    """

    def __init__(self, warm: str = "", *, quiet: bool = False, **arguments: Any) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(each or os.getcwd() for each in sys.path)}
        command = [sys.executable, "-m", _MODULE, warm, json.dumps(arguments)]
        self._parent = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            command,
            stdin=-1,
            stdout=-1,
            stderr=subprocess.DEVNULL if quiet else None,
            text=True,
            bufsize=1,
            env=environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        into, out = self._pipes()
        with contextlib.suppress(BrokenPipeError):  # it has died, and what was said to it last is still in the pipe
            into.close()
        self._parent.wait()
        out.close()

    def run(self, order: Order) -> Ended:
        """Carry out one order in a child of its own; how it ended."""
        (ended,) = self.together(order)
        return ended

    def together(self, *orders: Order, at_once: int | None = None) -> list[Ended]:
        """Carry out orders at once, or so many at a time; how each ended. The children have this process's environment.

        Raises RuntimeError if there is no parent to carry them out.
        """
        into, out = self._pipes()
        batch = {"orders": [asdict(each) for each in orders], "at_once": at_once, "environment": dict(os.environ)}
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            into.write(json.dumps(batch) + "\n")
            into.flush()
        said = out.readline()
        if not said:
            raise RuntimeError("the parent of all children has ended: what it calls to get warm must be importable")
        return [Ended(**each) for each in json.loads(said)]

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        return self._parent.stdin, self._parent.stdout


def name_of(made: Callable[..., Any]) -> str:
    """The `module:name` by which another process finds a function or a class."""
    return f"{made.__module__}:{made.__qualname__}"


def named(name: str) -> Any:
    """What stands at `module:name`."""
    module, _, attribute = name.partition(":")
    return attrgetter(attribute)(importlib.import_module(module))


# ── in the parent ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Child:
    number: int
    pid: int
    reading: int
    due: float | None
    said: bytearray = field(default_factory=bytearray)


def _serve(warm: str, arguments: dict[str, Any]) -> None:
    """One line of orders in, one line of endings out."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)  # what a framework prints is not an answer
        with importing():  # and what children share stays shared
            if ":" in warm:
                named(warm)(**arguments)
            elif warm:
                importlib.import_module(warm)
        for line in sys.stdin:
            print(json.dumps(_carried_out(**json.loads(line))), file=out, flush=True)


def _carried_out(
    orders: list[dict[str, Any]], at_once: int | None, environment: dict[str, str]
) -> list[dict[str, Any]]:
    ended: dict[int, dict[str, Any]] = {}
    running: dict[int, _Child] = {}
    os.environ.clear()
    os.environ.update(environment)
    for number, order in enumerate(orders):
        child = _begin(number, order)
        running[child.reading] = child
        while running and (number == len(orders) - 1 or len(running) >= (at_once or len(orders))):
            _wait(running, ended)
    return [ended[number] for number in range(len(orders))]


def begin_child(order: dict[str, Any]) -> tuple[int, int]:
    """Begin to carry out an order: the child, and where it says how it ended."""
    start = _fork if threading.active_count() == 1 else _spawn
    return start(order)


def _begin(number: int, order: dict[str, Any]) -> _Child:
    pid, reading = begin_child(order)
    after = order["kill_after"]
    return _Child(number, pid, reading, None if after is None else time.monotonic() + after)


def _wait(running: dict[int, _Child], ended: dict[int, dict[str, Any]]) -> None:
    """Until something happens: a child says something or ends, or its moment has come."""
    dues = [child.due for child in running.values() if child.due is not None]
    patience = max(0.0, min(dues) - time.monotonic()) if dues else None
    for reading in select.select(list(running), [], [], patience)[0]:
        child = running[reading]
        said = os.read(reading, 65_536)
        child.said.extend(said)
        if not said:
            del running[reading]
            ended[child.number] = reaped(reading, child.pid, bytes(child.said))
    for reading, child in running.items():
        if child.due is not None and child.due <= time.monotonic():
            os.kill(child.pid, KILLED)
            running[reading] = _Child(child.number, child.pid, reading, None, child.said)


def reaped(reading: int, pid: int, said: bytes) -> dict[str, Any]:
    """How a child ended that says nothing more: an Ended as JSON."""
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return asdict(Ended(signal=os.WTERMSIG(status)))
    if not said:
        return asdict(Ended(error=f"it ended with status {os.waitstatus_to_exitcode(status)} and said nothing"))
    made: dict[str, Any] = json.loads(said)
    return made


def _fork(order: dict[str, Any]) -> tuple[int, int]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _work(order, writing)
        os._exit(0)
    os.close(writing)
    return child, reading


def _spawn(order: dict[str, Any]) -> tuple[int, int]:
    reading, writing = os.pipe()
    command = [sys.executable, "-m", _MODULE, "--one", str(writing)]
    child = subprocess.Popen(command, stdin=-1, text=True, pass_fds=(writing,))  # noqa: S603  # as above
    os.close(writing)
    assert child.stdin is not None
    child.stdin.write(json.dumps(order))
    child.stdin.close()
    child.returncode = 0  # we reap it
    return child.pid, reading


# ── in a child ───────────────────────────────────────────────────────────────────────────────────────────────


def _work(order: dict[str, Any], writing: int) -> None:
    signal.alarm(order["patience"])
    try:
        function = named(order["function"])
        time.sleep(order["begin_after"])
        made = function(**order["arguments"])
        ended = Ended(result=asyncio.run(made) if asyncio.iscoroutine(made) else made)
    except BaseException as exc:  # whatever it was, the test is to see it
        traceback.print_exc()
        ended = Ended(error=f"{type(exc).__name__}: {exc}")
    with os.fdopen(writing, "w") as pipe:
        pipe.write(json.dumps(asdict(ended)))


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        _work(json.loads(sys.stdin.read()), int(sys.argv[2]))
    else:
        _serve(sys.argv[1], json.loads(sys.argv[2]))

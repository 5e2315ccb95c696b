"""A process that has imported CrewAI once and forks for every piece of work: the import takes seconds.

CrewAI starts threads as soon as it runs, and a fork of those hangs; so the tests themselves cannot be the parent. This
one only imports. It reads batches of work from its standard input, one JSON line each, and answers with exit codes.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KILLED = -signal.SIGKILL
ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 2

Work = tuple[Callable[..., Any], dict[str, Any]]


@dataclass
class Zygote:
    """The parent of the processes that a test kills."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls) -> Zygote:
        command = [sys.executable, "-m", "tests.crewai.zygote"]
        return cls(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))

    def run(self, function: Callable[..., Any], **arguments: Any) -> int:
        """Run an async function in a child; its exit code, or minus the signal that ended it."""
        return self.run_all([(function, arguments)])[0]

    def run_all(self, works: Sequence[Work]) -> list[int]:
        """As `run`, two children at a time."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        batch = [
            {"function": f"{f.__module__}:{f.__name__}", "arguments": a, "env": dict(os.environ)} for f, a in works
        ]
        self.process.stdin.write(json.dumps(batch) + "\n")
        self.process.stdin.flush()
        answer: list[int] = json.loads(self.process.stdout.readline())
        return answer

    def stop(self) -> None:
        with self.process as process:
            assert process.stdin is not None
            process.stdin.close()


def _fork(work: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.dup2(2, 1)
        os.environ.clear()
        os.environ.update(work["env"])
        module, _, name = work["function"].partition(":")
        asyncio.run(getattr(importlib.import_module(module), name)(**work["arguments"]))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _carry_out(batch: list[dict[str, Any]]) -> list[int]:
    codes: dict[int, int] = {}
    running: dict[int, int] = {}
    for number, work in enumerate(batch):
        running[_fork(work)] = number
        while len(running) >= AT_ONCE:
            _reap(running, codes)
    while running:
        _reap(running, codes)
    return [codes[number] for number in range(len(batch))]


def _reap(running: dict[int, int], codes: dict[int, int]) -> None:
    pid, status = os.wait()
    codes[running.pop(pid)] = os.waitstatus_to_exitcode(status)


def main() -> None:
    from hitl_adapters.crewai.errors import keep_quiet, require_crewai

    keep_quiet()
    require_crewai()
    importlib.import_module("tests.crewai.crash_desk")
    importlib.import_module("hitl_adapters.crewai.building")
    assert threading.active_count() == 1, threading.enumerate()
    gc.freeze()  # what children share stays shared
    for line in sys.stdin:
        print(json.dumps(_carry_out(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()

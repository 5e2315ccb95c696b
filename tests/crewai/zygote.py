"""The parent of the processes that a test kills: it has imported CrewAI once, which takes seconds, and no more.

CrewAI starts threads as soon as it runs, and a fork of those hangs; so the tests themselves cannot be the parent.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hitl_core.testing.processes import Ended, Order, Processes
from tests.killed import warm_parent

KILLED = -signal.SIGKILL
AT_ONCE = 2

Work = tuple[Callable[..., Any], dict[str, Any]]


@dataclass
class Zygote:
    """A warm parent whose children end with an exit code."""

    processes: Processes

    @classmethod
    def start(cls) -> Zygote:
        return cls(warm_parent("crewai", "tests.crewai.flows"))

    def run(self, function: Callable[..., Any], **arguments: Any) -> int:
        """Run an async function in a child; its exit code, or minus the signal that ended it."""
        return self.run_all([(function, arguments)])[0]

    def run_all(self, works: Sequence[Work]) -> list[int]:
        """As `run`, two children at a time."""
        orders = [Order.of(function, **arguments) for function, arguments in works]
        return [_code(ended) for ended in self.processes.together(*orders, at_once=AT_ONCE)]

    def stop(self) -> None:
        self.processes.__exit__()


def _code(ended: Ended) -> int:
    return -ended.signal or int(bool(ended.error))

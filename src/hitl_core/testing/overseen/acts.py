"""What the processes of a story do. Each takes only JSON, so that another process can be told; none shares memory.

command: somebody at a terminal, or a service · starts_and_dies: the agent's process, killed while its run waits ·
sweeps: cron · goes_home: whoever ends the worker at the end of the day
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from ...commands import ReadAudit
from ...config import connect
from ...protocol import RunState
from ...runtime import Runtime
from ..conformance.elsewhere import warm_up
from ..crashing import die
from ..processes import named

CONFIG: Final = "hitl.toml"
PID: Final = "worker.pid"
WIDE: Final = "200"
"""Columns of a terminal that breaks no sentence which a story looks for."""

LOOKS_EVERY: Final = 0.2
"""Seconds that a process waits at most for the doorbell before it looks by itself."""


def get_warm(kit: str) -> None:
    """Import, once, all that the processes need."""
    warm_up(named(kit)())
    import_module("hitl_core.cli.app")


def command(arguments: list[str], folder: str, pid: bool = False) -> list[Any]:
    """One command line, as the `hitl` of this folder: its exit status, and what it printed."""
    from ...cli.app import run

    os.chdir(folder)
    os.environ["COLUMNS"] = WIDE
    for name in [each for each in os.environ if each.startswith("HITL_")]:
        del os.environ[name]
    if pid:
        Path(PID).write_text(str(os.getpid()), encoding="utf-8")
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(["-c", CONFIG, *arguments])
    return [code, out.getvalue(), err.getvalue()]


async def starts_and_dies(folder: str, given: list[str], by: str | None) -> None:
    """Start runs by the library, and be killed with everything open when they have paused."""
    async with connect(Path(folder) / CONFIG) as hitl:
        for each in given:
            run = await hitl.start(each, by=by)
            if run.state is not RunState.PAUSED:
                raise RuntimeError(f"the run does not wait for anybody, it is {run.state}: {run.error or run.output}")
        die()


async def sweeps(folder: str, request: str, event: str) -> None:
    """`hitl tick`, again and again, until the trail has this event about the request; a worker may have been first."""
    async with connect(Path(folder) / CONFIG) as hitl:
        while (event, request) not in await _happened(hitl):
            await hitl.store.changed(timeout=LOOKS_EVERY)
            await asyncio.to_thread(command, ["tick", "--json"], folder)


async def _happened(hitl: Runtime) -> set[tuple[str, str]]:
    page = await hitl.store.fetch(ReadAudit(limit=100_000))
    return {(entry.event, entry.subject) for entry in page.items}


async def goes_home(folder: str, run: str, state: str) -> None:
    """Wait until the run is in this state, and tell the worker to end."""
    async with connect(Path(folder) / CONFIG) as hitl:
        while (await hitl.run(run)).state != state or not (Path(folder) / PID).exists():
            await hitl.store.changed(timeout=LOOKS_EVERY)
    os.kill(int((Path(folder) / PID).read_text(encoding="utf-8")), signal.SIGTERM)

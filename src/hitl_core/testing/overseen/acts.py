"""What the processes of a story do. Each takes only JSON, so that another process can be told; none shares memory.

command: somebody at a terminal, or a service · starts_and_dies: the agent's process, killed while its run waits ·
sweeps: cron · goes_home: whoever ends the worker at the end of the day
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from ...clock import SystemClock
from ...config import Config, connect, open_store
from ...contracts import Store
from ...protocol import RunState
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


async def sweeps(folder: str) -> int:
    """`hitl tick`, again and again, until something was due; how many times that took."""
    times = fired = 0
    store = await _store(folder)
    try:
        while not fired:
            times += 1
            _, out, _ = await asyncio.to_thread(command, ["tick", "--json"], folder)
            fired = json.loads(out)["fired"]
            await store.changed(timeout=LOOKS_EVERY)
    finally:
        await store.close()
    return times


async def goes_home(folder: str, run: str, state: str) -> None:
    """Wait until the run is in this state, and tell the worker to end."""
    async with connect(Path(folder) / CONFIG) as hitl:
        while (await hitl.run(run)).state != state or not (Path(folder) / PID).exists():
            await hitl.store.changed(timeout=LOOKS_EVERY)
    os.kill(int((Path(folder) / PID).read_text(encoding="utf-8")), signal.SIGTERM)


async def _store(folder: str) -> Store:
    return await open_store(Config.load(Path(folder) / CONFIG), SystemClock())

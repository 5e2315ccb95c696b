"""`hitl worker`, `tick`: resuming what was answered, and firing what is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

import typer
from rich.text import Text

from ...observing.health import LAG
from ...protocol import Json
from ...runtime import Left, Runtime, Worker
from ...runtime.worker import CUT_SECONDS
from ..hearing import Hearing, leave
from ..hints import Hints
from ..opening import Opening
from ..options import DEFAULT_CONFIG, AsJson, Backend, ConfigFile, Exit, MaxLag
from ..terminal.log import log_to_stderr, tell
from ..terminal.output import Output
from ..watching import Watched, schema_of
from .crew import Crew

Concurrency = Annotated[
    int | None, typer.Option("--concurrency", min=1, max=1000, help="Runs at once. By default worker.concurrency.")
]
Grace = Annotated[
    float | None,
    typer.Option(
        "--grace",
        metavar="SECONDS",
        min=0,
        max=3600,
        help="How long turns may go on after it was told to end; what is left is given back. By default worker.grace.",
    ),
]
MetricsAt = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="[HOST:]PORT",
        envvar="HITL_METRICS",
        help="Answer /metrics, /healthz and /readyz there; to this machine alone unless a host is given.",
    ),
]
UntilIdle = Annotated[bool, typer.Option("--until-idle", help="End when there is nothing left to do now.")]
Listing = Annotated[bool, typer.Option("--list", help="Show who works on this store, and what waits for a worker.")]


def worker(
    config: ConfigFile = DEFAULT_CONFIG,
    backend: Backend = None,
    concurrency: Concurrency = None,
    grace: Grace = None,
    until_idle: UntilIdle = False,
    listing: Listing = False,
    metrics: MetricsAt = None,
    max_lag: MaxLag = LAG,
    as_json: AsJson = False,
) -> int:
    """Resume answered runs and fire deadlines, until told to stop.

    SIGTERM and Ctrl-C let it finish what it holds; what takes longer than the grace is given back to other workers.
    A second signal ends it at once. Exit status 0 all was finished, 3 some of it was given back, 1 an action was cut
    off.
    """
    output = Output(as_json)
    if listing:
        return _list(Opening(config, backend), output)
    watched = Watched(metrics, schema_of(config, backend) if metrics else None, lag=max_lag)
    return _Shift(Opening(config, backend), output, watched, concurrency, grace, until_idle).done()


class _Shift:
    """One worker's work, from its start to its exit status."""

    def __init__(
        self,
        opening: Opening,
        output: Output,
        watched: Watched,
        concurrency: int | None,
        grace: float | None,
        until_idle: bool,
    ) -> None:
        from ...config import Config

        log_to_stderr(chatty=not output.as_json)
        config = Config.load(opening.config, backend=opening.backend)
        self._opening, self._output, self._watched, self._until_idle = opening, output, watched, until_idle
        self._places = concurrency or config.concurrency
        self._grace = config.grace_seconds if grace is None else grace
        self._told = False
        self._stop: Callable[[], object] = lambda: None

    def done(self) -> int:
        with Hearing(self._end, patience=self._grace + 2 * CUT_SECONDS, late=Exit.FAILED):
            return self._opening.do(self._watched_work, observers=self._watched.observers)

    async def _watched_work(self, hitl: Runtime) -> int:
        return await self._watched.during(hitl, lambda: self._work(hitl))

    def _end(self) -> None:
        self._told = True
        self._stop()
        tell(
            "the worker claims nothing more and finishes what it holds; what takes longer than "
            f"{self._grace:g} s is given back, and once more ends it now"
        )

    async def _work(self, hitl: Runtime) -> int:
        if await hitl.at_home():
            await self._opening.attach(hitl)  # an app that cannot be overseen ends the worker here, not at every claim
        else:
            tell("the framework is not installed here: this worker works on undos only", "yellow")
        made, loop = Worker(hitl, concurrency=self._places, grace=self._grace), asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(made.stop)
        if self._told:  # while it was starting
            made.stop()
        if self._until_idle:
            turns = await made.run_until_idle()
            return self._report("idle", turns, made.left)
        tell(f"worker {hitl.owner} works on up to {self._places} runs at once")
        return self._report("stopped", None, await made.run())

    def _report(self, state: str, turns: int | None, left: Left) -> int:
        """What is said at the end. Where a turn could not be ended, nothing is waited for: its thread may never end."""
        cut: dict[str, Json] = {run_id: list(calls) for run_id, calls in left.begun}
        document: dict[str, Json] = {"state": state, "turns": turns, "released": list(left.released), "cut_off": cut}
        shown = [Text(f"the worker is {state}", "dim")]
        shown += [Text(f"given back: {run_id}", "yellow") for run_id in left.released]
        shown += [Text(f"cut off: {run_id} in {', '.join(calls)}", "bold red") for run_id, calls in left.begun]
        self._output.result(document, *shown)
        code = Exit.FAILED if left.begun else Exit.PAUSED if left.released else Exit.DONE
        if code is not Exit.DONE:
            leave(code)
        return code


def _list(opening: Opening, output: Output) -> int:
    crew = opening.do(lambda hitl: Crew.of(hitl.store, hitl.clock.now()))
    stranded = (Text(each, "yellow") for each in crew.stranded())
    output.result(crew.document(), *crew.shown(Hints(opening.config)), *stranded)
    return Exit.DONE


def tick(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Fire the deadlines that have passed, once. For cron, where no worker runs."""
    fired = Opening(config).do(lambda hitl: hitl.tick())
    Output(as_json).result({"fired": fired}, Text(f"{fired} deadlines fired"))

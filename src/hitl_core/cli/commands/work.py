"""`hitl worker`, `tick`: resuming what was answered, and firing what is due."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from ...observing.health import LAG
from ...protocol import Json
from ...runtime import Left, Runtime
from ..hearing import leave
from ..hints import Hints
from ..opening import Opening
from ..options import DEFAULT_CONFIG, AsJson, Backend, ConfigFile, Exit, MaxLag
from ..terminal.log import log_to_stderr
from ..terminal.output import Output
from ..watching import Watched, schema_of
from .crew import Crew
from .shift import Shift, exit_for, in_words

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
    shift = Shift.of(Opening(config, backend), concurrency=concurrency, grace=grace)
    watched = Watched(metrics, schema_of(config, backend) if metrics else None, lag=max_lag)
    log_to_stderr(chatty=not as_json)
    return _Work(shift, output, watched, until_idle=until_idle).done()


class _Work:
    """A worker from its start to its exit status."""

    def __init__(self, shift: Shift, output: Output, watched: Watched, *, until_idle: bool) -> None:
        self._shift, self._output, self._watched, self._until_idle = shift, output, watched, until_idle

    def done(self) -> int:
        with self._shift.hearing(self._shift.end):
            return self._shift.opening.do(self._watched_work, observers=self._watched.observers)

    async def _watched_work(self, hitl: Runtime) -> int:
        return await self._watched.during(hitl, lambda: self._work(hitl))

    async def _work(self, hitl: Runtime) -> int:
        if not self._until_idle:
            return self._report("stopped", None, await self._shift.work(hitl))
        turns, left = await self._shift.work_until_idle(hitl)
        return self._report("idle", turns, left)

    def _report(self, state: str, turns: int | None, left: Left) -> int:
        """What is said at the end. Where a turn could not be ended, nothing is waited for: its thread may never end."""
        cut: dict[str, Json] = {run_id: list(calls) for run_id, calls in left.begun}
        document: dict[str, Json] = {"state": state, "turns": turns, "released": list(left.released), "cut_off": cut}
        self._output.result(document, Text(f"the worker is {state}", "dim"), *in_words(left))
        code = exit_for(left)
        if code is not Exit.DONE:
            leave(code)
        return code


def _list(opening: Opening, output: Output) -> int:
    opening.require_store("`hitl worker --list`")
    crew = opening.do(lambda hitl: Crew.of(hitl.store, hitl.clock.now()))
    stranded = (Text(each, "yellow") for each in crew.stranded())
    output.result(crew.document(), *crew.shown(Hints(opening.config)), *stranded)
    return Exit.DONE


def tick(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Fire the deadlines that have passed, once. For cron, where no worker runs."""
    fired = Opening(config).do(lambda hitl: hitl.tick())
    Output(as_json).result({"fired": fired}, Text(f"{fired} deadlines fired"))

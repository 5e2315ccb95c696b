"""`hitl worker`, `tick`: resuming what was answered, and firing what is due."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer
from rich.text import Text

from ...observing.health import LAG
from ...protocol import Json
from ...runtime import Runtime, Worker
from ..opening import Opening
from ..options import DEFAULT_CONFIG, AsJson, Backend, ConfigFile, MaxLag
from ..terminal.log import log_to_stderr, tell
from ..terminal.output import Output
from ..watching import Watched, schema_of

Concurrency = Annotated[
    int | None, typer.Option("--concurrency", min=1, max=1000, help="Runs at once. By default worker.concurrency.")
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


def worker(
    config: ConfigFile = DEFAULT_CONFIG,
    backend: Backend = None,
    concurrency: Concurrency = None,
    until_idle: UntilIdle = False,
    metrics: MetricsAt = None,
    max_lag: MaxLag = LAG,
    as_json: AsJson = False,
) -> None:
    """Resume answered runs and fire deadlines, until told to stop. SIGTERM and Ctrl-C let it finish what it holds."""
    from ...config import Config

    output = Output(as_json)
    log_to_stderr(chatty=not as_json)
    places = concurrency or Config.load(config, backend=backend).concurrency
    opening = Opening(config, backend)
    watched = Watched(metrics, schema_of(config, backend) if metrics else None, lag=max_lag)

    async def work(hitl: Runtime) -> int | None:
        return await watched.during(hitl, lambda: _work(hitl, opening, places, until_idle))

    turns = opening.do(work, observers=watched.observers)
    document: dict[str, Json] = {"state": "idle" if until_idle else "stopped", "turns": turns}
    output.result(document, Text(f"the worker is {document['state']}", "dim"))


async def _work(hitl: Runtime, opening: Opening, places: int, until_idle: bool) -> int | None:
    if await hitl.at_home():
        await opening.attach(hitl)  # an app that cannot be overseen ends the worker here, not at every claim
    else:
        tell("the framework is not installed here: this worker works on undos only", "yellow")
    made = Worker(hitl, concurrency=places)
    _stop_on_signals(made)
    if until_idle:
        return await made.run_until_idle()
    tell(f"worker {hitl.owner} works on up to {places} runs at once")
    await made.run()
    return None


def _stop_on_signals(worker: Worker) -> None:
    """The first signal asks for an orderly end, the second one ends the process."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        worker.stop()
        tell("the worker claims nothing more and finishes what it holds; once more ends it now")
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def tick(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Fire the deadlines that have passed, once. For cron, where no worker runs."""
    fired = Opening(config).do(lambda hitl: hitl.tick())
    Output(as_json).result({"fired": fired}, Text(f"{fired} deadlines fired"))

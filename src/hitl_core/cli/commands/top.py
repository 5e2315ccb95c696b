"""`hitl top`: what waits for people and for workers, and how fast it goes."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from ...commands import OpenGroup, Pace, Workload
from ...errors import StoreError
from ...logs import said_of
from ...protocol import Json
from ...runtime import Runtime
from ..opening import Opening
from ..options import DEFAULT_CONFIG, AsJson, ConfigFile
from ..terminal.output import Output, console
from ..terminal.top_view import top_view
from .crew import Crew

Once = Annotated[bool, typer.Option("--once", help="Look once, and end.")]
Every = Annotated[float, typer.Option("--every", metavar="SECONDS", min=0.5, max=3600, help="How often to look.")]
Window = Annotated[
    float, typer.Option("--window", metavar="SECONDS", min=1, max=3600, help="How far back rates and lags reach.")
]
_EVERY: Final = 2.0


def top(
    config: ConfigFile = DEFAULT_CONFIG,
    once: Once = False,
    every: Every = _EVERY,
    window: Window = 60.0,
    as_json: AsJson = False,
) -> None:
    """What waits, for how long, and how fast it goes.

    By level and by who is asked. Ctrl-C ends it.
    """
    opening = Opening(config)
    if once or as_json or not sys.stdout.isatty():
        document = opening.do(lambda hitl: _look(hitl, window))
        Output(as_json).result(document, top_view(document))
    else:
        opening.do(lambda hitl: _watch(hitl, window, every))


async def _watch(hitl: Runtime, window: float, every: float) -> None:
    """Until Ctrl-C. A store that is away is said to be, and looked at again."""
    with Live(console=console(), screen=False, auto_refresh=False) as live:
        while True:
            live.update(await _shown(hitl, window), refresh=True)
            await asyncio.sleep(every)


async def _shown(hitl: Runtime, window: float) -> RenderableType:
    try:
        return top_view(await _look(hitl, window))
    except StoreError as exc:
        return Group(Text("the store does not answer", "bold red"), Text(said_of(exc)))


async def _look(hitl: Runtime, window: float) -> dict[str, Any]:
    return document_of(await hitl.workload(seconds=window))


def document_of(found: Workload) -> dict[str, Any]:
    """What `hitl top --json` writes. Ages and lags are in seconds; `at_least`: there is more than was counted."""
    load, pace, now = found.load, found.pace, found.at
    return {
        "open": load.open,
        "at_least": not load.counted_all,
        "oldest": _age(load.oldest, now),
        "levels": _groups(load.levels, now),
        "approvers": _groups(load.approvers, now),
        "ready": load.ready,
        "ready_oldest": _age(load.ready_since, now),
        "running": load.running,
        "workers": _workers(Crew(found.workers, (), (), now)),
        "stops": {scope.value: count for scope, count in sorted(load.stops.items())},
        "window": pace.seconds,
        "opened_per_minute": _rate(pace.opened, pace),
        "decided_per_minute": _rate(pace.decided, pace),
        "expired_per_minute": _rate(pace.expired, pace),
        "lag": _lag(sorted(pace.lags)),
    }


def _workers(crew: Crew) -> dict[str, Json]:
    """How many there are, how busy, and with which versions of their apps; one that died counts as gone for an hour."""
    states = Counter(map(crew.state, crew.workers))
    versions: dict[str, Json] = {}
    for name in sorted({each.beat.loads.version for each in crew.alive}):
        beats = [each.beat for each in crew.alive if each.beat.loads.version == name]
        busy, places = sum(beat.busy for beat in beats), sum(beat.places for beat in beats)
        versions[name] = {"workers": len(beats), "busy": busy, "places": places}
    return {**{state: states[state] for state in ("alive", "ending", "gone")}, "versions": versions}


def _groups(groups: Sequence[OpenGroup], now: datetime) -> list[Json]:
    return [{"name": each.name, "open": each.count, "oldest": _age(each.oldest, now)} for each in groups]


def _age(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else round(max(0.0, (now - since).total_seconds()), 3)


def _rate(count: int, pace: Pace) -> float:
    return round(count * 60 / pace.seconds, 2)


def _lag(lags: Sequence[float]) -> dict[str, Json] | None:
    """Between an answer and the start of its resume; None if nothing was resumed."""
    if not lags:
        return None
    return {"p50": lags[len(lags) // 2], "p95": lags[len(lags) * 95 // 100], "max": lags[-1], "of": len(lags)}

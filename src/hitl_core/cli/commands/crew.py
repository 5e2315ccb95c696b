"""Who works on a store, what waits for whom, and what was left to people: `hitl worker --list`, `hitl doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ...commands import ListRuns, ListWaiting, ListWorkers, SeenWorker, Waiting
from ...contracts import Store
from ...protocol import Json, Run, RunState
from ...runtime.leases import has_died
from ..hints import Hints
from ..terminal.render import ago, shown, table_of

_FAILED_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Crew:
    """The workers of a store, what they could take, and the runs that failed, as of `now`."""

    workers: tuple[SeenWorker, ...]
    waiting: tuple[Waiting, ...]
    failed: tuple[Run, ...]
    now: datetime

    @classmethod
    async def of(cls, store: Store, now: datetime) -> Crew:
        workers, waiting = await store.fetch(ListWorkers()), await store.fetch(ListWaiting(now))
        failed = await store.fetch(ListRuns((RunState.FAILED,), limit=_FAILED_SHOWN))
        return cls(workers, waiting, failed.items, now)

    def is_alive(self, worker: SeenWorker) -> bool:
        """Whether it was seen of late, and no process of this host that is gone."""
        return worker.until > self.now and not has_died(worker.beat.worker)

    @property
    def alive(self) -> tuple[SeenWorker, ...]:
        return tuple(filter(self.is_alive, self.workers))

    def stranded(self) -> Iterator[str]:
        """What waits and none of the workers takes, why, and what to start. Without any worker nothing is said."""
        taking = [each.beat.loads for each in self.alive if not each.beat.ending]
        for each in self.waiting if taking else ():
            kind = {"backend": each.backend, "app": each.app, "version": each.version, "format": each.format}
            if not any(loads.takes(**kind) for loads in taking):
                near = [loads for loads in taking if (loads.backend, loads.app) == (each.backend, each.app)]
                yield f"{_counted(each)} since {ago(each.since, self.now)}, and {_why(each, [n.version for n in near])}"

    def document(self) -> dict[str, Json]:
        """The shape of `hitl worker --list --json` and of `work` in `hitl doctor --json`."""
        return {
            "workers": [self._worker_view(each) for each in self.workers],
            "waiting": [_waiting_view(each) for each in self.waiting],
            "failed": [{"id": each.id, "tries": each.tries, "error": each.error} for each in self.failed],
        }

    def _worker_view(self, worker: SeenWorker) -> dict[str, Json]:
        beat = worker.beat
        host, pid = who(beat.worker)
        return {
            "worker": beat.worker,
            "host": host,
            "pid": pid,
            "started_at": beat.started_at.isoformat(),
            "seen_at": worker.seen_at.isoformat(),
            "state": self.state(worker),
            "busy": beat.busy,
            "places": beat.places,
            "backend": beat.loads.backend,
            "app": beat.loads.app,
            "version": beat.loads.version,
            "resumes": list(beat.loads.resumes),
            "formats": list(beat.loads.formats),
        }

    def state(self, worker: SeenWorker) -> str:
        """alive, ending (it claims nothing more), or gone."""
        if not self.is_alive(worker):
            return "gone"
        return "ending" if worker.beat.ending else "alive"

    # ── for people ───────────────────────────────────────────────────────────────────────────────────────────────────

    def shown(self, hints: Hints) -> Iterator[RenderableType]:
        yield self._workers() if self.workers else Text("  no worker was seen in the last hour", "dim")
        if self.waiting:
            yield self._waiting()
        if self.failed:
            yield from self._failed(hints)

    def _workers(self) -> Table:
        table = table_of("worker", "state", "seen", "since", "busy", "app", "version")
        for each in self.workers:
            beat, (host, pid), state = each.beat, who(each.beat.worker), self.state(each)
            app = shown(f"{beat.loads.backend}, {beat.loads.app}")
            busy, style = f"{beat.busy} of {beat.places}", {"gone": "red", "ending": "yellow"}.get(state, "green")
            times = ago(each.seen_at, self.now), ago(beat.started_at, self.now)
            table.add_row(shown(f"{host} {pid}"), Text(state, style), *times, busy, app, shown(beat.loads.version))
        return table

    def _waiting(self) -> Table:
        table = table_of("waiting", "since", "app", "version", "checkpoint", "tenant")
        for each in self.waiting:
            app = shown(f"{each.backend}, {each.app}")
            more = shown(each.version), shown(each.format), shown(each.tenant)
            table.add_row(str(each.count), ago(each.since, self.now), app, *more)
        return table

    def _failed(self, hints: Hints) -> Iterator[RenderableType]:
        table = table_of("failed run", "tries", "error")
        for each in self.failed:
            table.add_row(Text(each.id), str(each.tries), shown(each.error[:200], "red"))
        yield table
        yield shown(f"  try one again with: {hints('resume', 'RUN')}", "dim")


def who(worker: str) -> tuple[str, str]:
    """Host and process of a worker's name, as `owner_name` makes it; another name is shown as it is."""
    host, _, rest = worker.partition("/")
    return (host.split(":")[0], rest.split("/")[0]) if rest else (worker, "")


def _counted(waiting: Waiting) -> str:
    runs = "1 run waits" if waiting.count == 1 else f"{waiting.count} runs wait"
    of = f", version {waiting.version!r}" if waiting.version else ""
    return f"{runs} of {waiting.app!r} under {waiting.backend!r}{of}"


def _why(waiting: Waiting, versions: list[str]) -> str:
    if not versions:
        return "no worker that is alive has that app: start one with its configuration"
    if waiting.version and waiting.version not in versions:
        have = ", ".join(map(repr, dict.fromkeys(versions)))
        add = f"or add {waiting.version!r} to `resumes` under [backend] if this version can go on with them"
        return f"the workers have version {have}: start one of version {waiting.version!r}, {add}"
    form = f"none reads checkpoints of the form {waiting.format!r}"
    return f"{form}: start a worker with the release of {waiting.backend!r} that wrote them, or a newer one"


def _waiting_view(waiting: Waiting) -> dict[str, Json]:
    return {
        "backend": waiting.backend,
        "app": waiting.app,
        "version": waiting.version,
        "format": waiting.format,
        "tenant": waiting.tenant,
        "count": waiting.count,
        "since": waiting.since.isoformat(),
    }

"""What is measured: every instrument with its labels. Labels come from small closed sets, never from ids or names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Shape(StrEnum):
    """How an instrument is read: what has happened so often, how long things took, how it stands now."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument. `unit` is UCUM; `bounds` are the upper bounds of a histogram's buckets, in its unit."""

    shape: Shape
    unit: str
    labels: tuple[str, ...]
    says: str
    bounds: tuple[float, ...] = ()

    @property
    def suffix(self) -> str:
        """What Prometheus puts behind the name."""
        return {"s": "_seconds"}.get(self.unit, "") + ("_total" if self.shape is Shape.COUNTER else "")


_MINUTES: Final = (1.0, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 86_400, 3 * 86_400, 7 * 86_400)
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_MILLISECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30)

OPENED: Final = "hitl.requests.opened"
DECIDED: Final = "hitl.requests.decided"
EXPIRED: Final = "hitl.requests.expired"
DECISION: Final = "hitl.decision.duration"
LAG: Final = "hitl.resume.lag"
TURNS: Final = "hitl.turns"
TURN: Final = "hitl.turn.duration"
EFFECTS: Final = "hitl.effects"
FAILURES: Final = "hitl.failures"
STORE: Final = "hitl.store.duration"

OPEN: Final = "hitl.open.requests"
OLDEST: Final = "hitl.open.oldest"
READY: Final = "hitl.ready.runs"
READY_OLDEST: Final = "hitl.ready.oldest"
RUNNING: Final = "hitl.running.runs"
STOPS: Final = "hitl.stops"
WORKERS: Final = "hitl.workers"
PLACES: Final = "hitl.workers.places"
COUNTED_ALL: Final = "hitl.counted.all"

INSTRUMENTS: Final[Mapping[str, Instrument]] = {
    OPENED: Instrument(
        Shape.COUNTER, "{request}", ("level", "kind"), "requests and notices that this process has opened"
    ),
    DECIDED: Instrument(
        Shape.COUNTER,
        "{request}",
        ("outcome", "level"),
        "answers that this process has taken up, whoever recorded them, when it went on with their runs",
    ),
    EXPIRED: Instrument(Shape.COUNTER, "{request}", ("level",), "deadlines that this process has fired"),
    DECISION: Instrument(
        Shape.HISTOGRAM, "s", ("level",), "from a request to its answer, of those that are taken up", _MINUTES
    ),
    LAG: Instrument(
        Shape.HISTOGRAM, "s", (), "from the answer that made a run ready to the start of its resume", _SECONDS
    ),
    TURNS: Instrument(Shape.COUNTER, "{turn}", ("outcome",), "turns that have ended here"),
    TURN: Instrument(Shape.HISTOGRAM, "s", ("outcome",), "how long they took", _SECONDS),
    EFFECTS: Instrument(Shape.COUNTER, "{action}", ("state",), "actions that have come into this state here"),
    FAILURES: Instrument(
        Shape.COUNTER, "{failure}", ("operation", "code"), "commands and queries that raised, by the code of the error"
    ),
    STORE: Instrument(
        Shape.HISTOGRAM, "s", ("operation",), "how long the store took for a command or a query", _MILLISECONDS
    ),
    OPEN: Instrument(Shape.GAUGE, "{request}", ("level",), "open requests"),
    OLDEST: Instrument(Shape.GAUGE, "s", (), "age of the oldest open request; 0 if there is none"),
    READY: Instrument(Shape.GAUGE, "{run}", (), "runs that are answered and wait for a worker"),
    READY_OLDEST: Instrument(Shape.GAUGE, "s", (), "how long the first of them has waited; 0 if there is none"),
    RUNNING: Instrument(Shape.GAUGE, "{run}", (), "runs that a worker holds"),
    STOPS: Instrument(Shape.GAUGE, "{stop}", ("scope",), "stops in force"),
    WORKERS: Instrument(
        Shape.GAUGE,
        "{worker}",
        ("state", "version"),
        "workers by the version of their app: working, ending, or gone without a word within the last hour",
    ),
    PLACES: Instrument(
        Shape.GAUGE, "{run}", ("state", "version"), "runs that the living ones can work on at once: busy, or free"
    ),
    COUNTED_ALL: Instrument(
        Shape.GAUGE, "1", (), "1 if the gauges have counted everything, 0 if there is more: each is then at least that"
    ),
}

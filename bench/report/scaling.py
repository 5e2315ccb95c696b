"""docs/scaling.md: what a load needs, calculated from the kept results and from the simulation; no number is typed."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from .. import simulate
from .results import Kept

SCALING: Final = "scaling.md"

OPEN: Final = (10_000, 1_000_000, 100_000_000)
MEASURED_UP_TO: Final = 1_000_000
WAITS: Final = (("an hour", 3_600), ("a day", 86_400), ("a week", 604_800))
CONNECTIONS: Final = 100
"""Of a PostgreSQL server as it comes (max_connections)."""
LINES: Final = 3
"""Of the trail for an open pause: started, asked, paused."""
UNKNOWN: Final = "not measured"

EXAMPLE: Final = (
    *("--per-hour", "6", "--review-minutes", "20", "--hours", "9-17", "--days", "5"),
    *("--deadline-hours", "72", "--expired-at-most", "0.01", "--resume-seconds", "20"),
)

Facts = Mapping[str, float]


def scaling(parts: Mapping[str, Kept]) -> str:
    """The page."""
    facts = {each.key: each.value for part in parts.values() for each in part.facts}
    pieces = (_head(facts), _sizes(facts), _rates(facts), _breaks(facts), _partitions(), _people())
    return "\n".join(line for piece in pieces for line in piece).rstrip() + "\n"


def _known(facts: Facts, *keys: str, then: Callable[..., str]) -> str:
    """What follows from these facts, if all of them are known."""
    return then(*(facts[key] for key in keys)) if all(key in facts for key in keys) else UNKNOWN


# ── what was measured ────────────────────────────────────────────────────────────────────────────────────────


def _head(facts: Facts) -> Iterator[str]:
    yield "# Scaling\n"
    yield _said(
        "How much one machine holds, what a larger load needs, and what breaks first. This page is calculated by `make "
        "bench` (`bench/report/scaling.py`) from what it has measured, kept in `bench/results.json`; how that was done "
        "stands in [performance](performance.md). Rates are of that machine: hold your own disk's fdatasync against "
        "its own."
    )
    yield "| one machine | a file | PostgreSQL |\n|---|---:|---:|"
    for name, file, server, then in ROWS:
        shown = [_known(facts, *keys, then=then) if keys else "" for keys in (file, server)]
        yield f"| {name} | {' | '.join(shown)} |"
    yield ""


def _bytes(value: float) -> str:
    for size, unit in ((2**40, "TB"), (2**30, "GB"), (2**20, "MB"), (2**10, "KB")):
        if value >= size:
            return f"{value / size:,.1f} {unit}"
    return f"{value:,.0f} B"


def _seconds(value: float) -> str:
    return f"{value * 1e3:,.2f} ms" if value < 1 else simulate.spoken(value)


def _each_second(seconds: float) -> str:
    return f"{1 / seconds:,.0f} /s"


def _rate(value: float) -> str:
    return f"{value:,.0f} /s"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


Keys = tuple[str, ...]
ROWS: Final[tuple[tuple[str, Keys, Keys, Callable[..., str]], ...]] = (
    ("an open pause with 1.2 KB of JSON", ("sqlite.bytes",), ("postgres.bytes",), _bytes),
    ("a finished run, with its trail", ("sqlite.closed_bytes",), (), _bytes),
    ("a page of the inbox among a million", ("sqlite.page_seconds",), ("postgres.page_seconds",), _seconds),
    ("cycles, one after the other", ("sqlite.cycle_seconds",), ("postgres.cycle_seconds",), _each_second),
    ("answered runs resumed", ("sqlite.resumed_per_second",), ("postgres.resumed_per_second",), _rate),
    ("deadlines fired at once", ("sqlite.deadlines_per_second",), (), _rate),
    ("lines that `audit verify` reads", ("audit.lines_per_second",), (), _rate),
    ("memory of a process, whatever is open", ("process.bytes",), (), _bytes),
    (
        "CPU of an idle worker",
        ("worker.idle_cpu beside 10,000 open",),
        ("worker.idle_cpu on PostgreSQL",),
        lambda share: f"{share:.2%}",
    ),
    ("connections of a worker", (), ("postgres.connections_each",), _whole),
)


# ── what follows ─────────────────────────────────────────────────────────────────────────────────────────────


def _said(text: str, *, item: str = "") -> str:
    """A paragraph, or an item of a list."""
    return textwrap.fill(f"{item}{text}", 120, subsequent_indent=" " * len(item), break_on_hyphens=False) + "\n"


def _sizes(facts: Facts) -> Iterator[str]:
    yield "## Room\n"
    yield _said(
        "A pause holds no process, no memory and no connection: open pauses cost room on a disk, and nothing else. "
        f"What is beyond {MEASURED_UP_TO:,} is by proportion: pages and answers are found by index."
    )
    yield "| open pauses | a file | PostgreSQL | `audit verify` of their lines |\n|---:|---:|---:|---:|"
    for many in OPEN:
        room = [_known(facts, key, then=partial(_room, many)) for key in ("sqlite.bytes", "postgres.bytes")]
        read = _known(facts, "audit.lines_per_second", then=partial(_reading, many))
        yield f"| {many:,} | {' | '.join(room)} | {read} |"
    yield ""


def _room(many: int, each: float) -> str:
    return _bytes(many * each)


def _reading(many: int, rate: float) -> str:
    return _seconds(many * LINES / rate)


def _rates(facts: Facts) -> Iterator[str]:
    yield "## Rate\n"
    yield _said(
        "Open pauses are the rate of questions times the mean time until they are settled (Little's law), so how many "
        "are open says little about how busy a store is. What so many mean in cycles a second, and how that compares "
        "with what one file (cycles, one after the other) and one server (runs resumed) did here:"
    )
    yield f"| open pauses | {' | '.join(f'settled in {name}' for name, _ in WAITS)} |"
    yield f"|---:|{'---|' * len(WAITS)}"
    for many in OPEN:
        yield f"| {many:,} | {' | '.join(_load(facts, many / seconds) for _, seconds in WAITS)} |"
    yield ""


def _load(facts: Facts, rate: float) -> str:
    file = _known(facts, "sqlite.cycle_seconds", then=lambda each: f"{_times(rate * each)} a file")
    server = _known(facts, "postgres.resumed_per_second", then=lambda each: f"{_times(rate / each)} a server")
    return f"{rate:,.2f} /s: {file}, {server}"


def _times(share: float) -> str:
    return f"{share:.1%} of" if share < 1 else f"**{share:,.1f} times**"


def _breaks(facts: Facts) -> Iterator[str]:
    writer = _known(facts, "sqlite.cycle_seconds", then=_each_second)
    each = _known(facts, "postgres.connections_each", then=_whole)
    workers = _known(facts, "postgres.connections_each", then=lambda many: _whole(CONNECTIONS // max(many, 1)))
    yield "## What breaks first\n"
    yield _said(
        f"**The one writer of a file.** Cycles in one file come to {writer} here, however many processes there are, "
        "and group commit helps only callers who wait at the same time. Beyond half of that, or with a second machine, "
        "take PostgreSQL; `hitl store copy` moves what is open.",
        item="1. ",
    )
    yield _said(
        f"**Connections.** A worker takes {each} while it works; a server as it comes has {CONNECTIONS}, enough for "
        f"{workers} workers. A pooler in transaction mode may stand in between; who waits through it looks every two "
        "seconds instead of being told.",
        item="2. ",
    )
    yield _said(
        "**The trail.** It is kept when runs are erased, by design, and grows with every cycle for ever: "
        f"{_known(facts, 'sqlite.closed_bytes', then=_year)}. `audit verify` reads all of it.",
        item="3. ",
    )
    yield _said(
        "**People.** Long before any of this, where each question needs minutes of somebody's time: see below.",
        item="4. ",
    )


def _year(each: float) -> str:
    return f"at one cycle a second {_bytes(each * 365 * 86_400)} a year, records of the runs included"


def _partitions() -> Iterator[str]:
    yield "## Partitions and retention\n"
    for text in PARTITIONS:
        yield _said(text, item="- ")


PARTITIONS: Final = (
    "A store has one trail, so the way to divide a load is by tenant: a store for each, or for each group of them, "
    "with its own workers. Nothing in one store refers to another.",
    "What is over and older than its retention is erased run by run; what is left of a run is its kind, its digests "
    "and its lines. Do it daily: erasing in small pieces is in nobody's way.",
    "On PostgreSQL the narrow rows of requests and runs are updated in place where their page has room, and autovacuum "
    "does the rest; a transaction that stays open for hours stops it, here as everywhere.",
    "A file and its write-ahead log belong on a local disk, never on a network file system.",
)


def _people() -> Iterator[str]:
    load = simulate.load_of(simulate.parser().parse_args(EXAMPLE))
    yield "## People and workers\n"
    yield _said(
        f"An agent that works round the clock asks people who do not. {load.per_hour:g} refunds an hour, "
        f"{simulate.spoken(load.review)} each, reviewers in office hours on weekdays, a deadline of "
        f"{simulate.spoken(load.deadline)}, and runs that go on for {simulate.spoken(load.resume)} after an answer:"
    )
    yield f"```sh\npython -m bench.simulate {' '.join(EXAMPLE)}\n```\n"
    yield f"```text\n{simulate.main(EXAMPLE)}\n```\n"
    work = load.per_hour * load.review / simulate.HOUR
    yield _said(
        f"The work is {work:g} people round the clock, and {work / load.hours.share:.1f} in these hours; what is above "
        "that is for the nights and weekends that wait each morning, and for the deadline. A deadline that is shorter "
        "than a weekend expires over it however many people there are, and the command says so. With other numbers of "
        "people:"
    )
    yield "| reviewers | expire | p95 of the wait |\n|---:|---:|---:|"
    for many in sorted({max(1, math.ceil(load.reviewers * share)) for share in SHARES}):
        seen = simulate.simulate(replace(load, reviewers=many), questions=QUESTIONS)
        yield f"| {many} | {seen.expired / seen.asked:.1%} | {simulate.spoken(seen.wait(95))} |"
    yield "\n" + _said(
        "The simulation is held against Erlang C and against what holds for every queue (`tests/bench`); it knows "
        "nothing of your questions, so take the rate and the minutes from your own trail (`hitl audit export`)."
    )


SHARES: Final = (0.6, 0.8, 0.9, 1.0, 1.25)
QUESTIONS: Final = 20_000

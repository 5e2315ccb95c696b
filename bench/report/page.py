"""docs/performance.md and its plots, made of the kept results: nothing stands there that no run has printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..yardsticks import Figure
from .plots import svg
from .results import DOUBT, Kept, table
from .scaling import SCALING, scaling

DOCS: Final = Path(__file__).parents[2] / "docs"
PERFORMANCE: Final = "performance.md"
PAGES: Final = (PERFORMANCE, SCALING)

SECTIONS: Final = {
    "million": (
        "A million open pauses in one file",
        "The file is filled in bulk with rows as the store writes them; `audit verify` passes over it before anything "
        "is measured. Two stores that are compared take turns.",
    ),
    "processes": (
        "Between processes",
        "Each process is a real one with a runtime, a store and a worker of its own.",
    ),
    "core": (
        "The embedded store, the policy, and imports",
        "The disk's own fdatasync takes turns with what is compared with it.",
    ),
    "server": (
        "PostgreSQL",
        "A real server on this machine, which shares its cores with its clients. It keeps its durable defaults.",
    ),
    "growth": (
        "How it grows",
        "Each point is a ratio to something measured in the same minute, so that no curve shows the weather.",
    ),
    "peers": (
        "What you would use instead",
        "The same work, done by the peer library DBOS and by a small table with polling, written by hand "
        "(`bench/by_hand.py`), on the same disk and the same server. What each does: "
        "[bench/README](../bench/README.md#peers).",
    ),
    "dbos": ("The same on PostgreSQL, and DBOS", "Every one on the same server; durable, as it comes."),
    "double": (
        "Two processes resume one run",
        "LangGraph alone, and through us: two real processes resume each thread at the same moment.",
    ),
    "observing": (
        "Being observed",
        "A cycle of a run on a store in memory, in CPU of its process: nobody observes it, Prometheus, OpenTelemetry.",
    ),
    "inbox": (
        "The inbox",
        "Pages as CPU of the process that makes them; bytes as they are sent. Events and the first answer go through "
        "`hitl serve`, over sockets of this machine.",
    ),
    "langgraph": ("LangGraph", "One app, raw and through us, taking turns."),
    "openai_agents": ("OpenAI Agents", "One app, raw and through us, taking turns."),
    "crewai": ("CrewAI", "Raw is one uninterrupted kickoff that keeps nothing."),
    "autogen": ("AutoGen", "Raw is one uninterrupted run that keeps nothing."),
}

HEAD: Final = """# Performance

This page is made by `make bench` of `bench/results.json`, which the same command writes; a test checks that it is.
Each figure is a ratio to something measured in the same run (the disk's own fdatasync, a bare driver, the raw
framework, a peer), since absolute times are of one machine on one day. What each figure is exactly:
[bench/README](../bench/README.md).
"""


BUSY: Final = """**Others worked on the machine meanwhile: what is compared with the disk or with a wait looks better
than it is, and what is a matter of microseconds says little. Counts, bytes and CPU hold.**
"""


def made(parts: dict[str, Kept]) -> dict[str, str]:
    """The pages and plots, by their path below docs/."""
    plots = {_plot(curve.name): svg(curve) for part in parts.values() for curve in part.curves}
    return {PERFORMANCE: performance(parts), SCALING: scaling(parts), **plots}


def written(parts: dict[str, Kept]) -> None:
    """Write them, and take away plots that no part has any more."""
    files = made(parts)
    for old in DOCS.glob("performance/*.svg"):
        old.unlink()
    for name, text in files.items():
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(text, encoding="utf-8")


def performance(parts: dict[str, Kept]) -> str:
    """The page."""
    known = {name: parts[name] for name in SECTIONS if name in parts}
    goals = [each for part in known.values() for each in part.figures if each.goal is not None]
    doubtful = [each for part in known.values() for each in part.figures if part.busy]
    sections = [text for name, part in known.items() for text in _section(name, part)]
    return "\n".join((HEAD, *_verdict(goals, doubtful), *sections)).rstrip() + "\n"


def _verdict(goals: list[Figure], doubtful: list[Figure]) -> Iterator[str]:
    met = sum(each.met for each in goals)
    yield f"## Goals\n\n{met} of {len(goals)} are met.\n"
    if doubtful:
        yield f"{DOUBT} Others worked on the machine meanwhile; see below.\n"
    yield table(goals, doubtful=doubtful) + "\n"


def _section(name: str, part: Kept) -> Iterator[str]:
    title, words = SECTIONS[name]
    yield f"## {title}\n\n{words}\n"
    yield f"Taken {part.taken} on {part.machine}, Python {part.python}, load average {part.load:g}.\n"
    if part.busy:
        yield BUSY
    if part.figures:
        yield table(part.figures) + "\n"
    for each in part.tables:
        head, rule = " | ".join(each.head), "|".join("---" for _ in each.head)
        rows = "\n".join(f"| {' | '.join(row)} |" for row in each.rows)
        yield f"{each.title}:\n\n| {head} |\n|{rule}|\n{rows}\n"
    for curve in part.curves:
        yield f"![{curve.title}]({_plot(curve.name)})\n"


def _plot(name: str) -> str:
    return f"performance/{name}.svg"

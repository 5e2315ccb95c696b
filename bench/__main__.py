"""python -m bench [--smoke] [--keep] [PART ...]: figures as ratios to what is measured in the same run.

Parts that need a package which is not installed here are passed over; without one, all are measured. `--keep` writes
what was found to bench/results.json, and makes docs/performance.md and docs/scaling.md of it.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from . import import_figures, oversight_figures, policy_figures, store_figures
from .report import keep, kept, table, written
from .yardsticks import Curve, Fact, Figure, Found, Table

SLACK = 1.5
"""By how much the short form may miss what binds: it measures little, so only what is far away is found there."""

OURS = ("million", "processes", "server", "dbos", "double", "peers", "growth", "observing", "inbox")
"""Parts that decide for themselves how much they measure."""

FRAMEWORKS = ("langgraph", "openai_agents", "crewai", "autogen")

PARTS = ("core", *OURS, *FRAMEWORKS)


async def measured(folder: Path, part: str, *, smoke: bool) -> list[Found] | None:
    """What one part finds, None if its package is not installed; the short form has smaller stores and fewer rounds."""
    if part == "core":
        return await _core(folder, smoke=smoke)
    try:
        module = importlib.import_module(f".{part}_figures", __package__)
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith(("bench", "hitl_")):
            raise
        print(f"not measured: {part} ({exc.name} is not installed)")
        return None
    if part in FRAMEWORKS:
        return list(await module.figures(folder, rounds=3 if smoke else 40))
    return list(await module.figures(folder, smoke=smoke))


async def _core(folder: Path, *, smoke: bool) -> list[Found]:
    made: list[Found] = [*policy_figures.figures(), *import_figures.figures()]
    made += await oversight_figures.figures(folder, rounds=30 if smoke else 400)
    few = 1_000
    if smoke:
        return [*made, *await store_figures.figures(folder, few=few, many=10_000, bursts=1, seconds=0.1)]
    return [*made, *await store_figures.figures(folder, few=few, many=100_000)]


def show(found: Sequence[Found], before: dict[str, float]) -> None:
    """Print what one part has found."""
    figures = [each for each in found if isinstance(each, Figure)]
    if figures:
        print(table(figures, {key: ratio for key, ratio in before.items() if key in {each.key for each in figures}}))
    for each in found:
        if isinstance(each, Table):
            print(f"\n{each.title}")
            print("\n".join(" | ".join(row) for row in (each.head, *each.rows)))
        elif isinstance(each, Curve):
            print(f"\n{each.title}: {each.y} over {each.x}")
            for name, points in each.series.items():
                print(f"  {name}: {', '.join(f'{x:g}: {y:.3g}' for x, y in points)}")
        elif isinstance(each, Fact):
            print(f"  {each.key} = {each.value:.6g} {each.unit}")


def before(part: str) -> dict[str, float]:
    """The ratios that were kept last, by key."""
    last = kept().get(part)
    return {} if last is None else {each.key: each.ratio for each in last.figures}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a short form that only shows that everything runs")
    parser.add_argument("--keep", action="store_true", help="keep what was found, in bench/results.json and docs/")
    parser.add_argument("parts", nargs="*", choices=PARTS, metavar="PART", help="what to measure; all if none is named")
    options = parser.parse_args()
    figures, failed = list[Figure](), list[str]()
    for part in options.parts or PARTS:
        try:
            figures += _one(part, smoke=options.smoke, lasting=options.keep)
        except Exception:
            traceback.print_exc()
            failed.append(part)
    missed = [each for each in figures if not each.met]
    print(f"\n{len(figures)} figures measured, {len(missed)} goals missed" + (" (short form)" if options.smoke else ""))
    if failed:
        print(f"FAILED, and nothing kept of: {', '.join(failed)}")
    return _failed(figures, slack=SLACK if options.smoke else 1.0) or int(bool(failed))


def _one(part: str, *, smoke: bool, lasting: bool) -> list[Figure]:
    begun = time.monotonic()
    print(f"\n── {part} ──", flush=True)
    with tempfile.TemporaryDirectory(prefix="hitl-bench-") as folder:
        found = asyncio.run(measured(Path(folder), part, smoke=smoke))
    if found is None:
        return []
    show(found, {} if smoke else before(part))
    print(f"({part} took {time.monotonic() - begun:.0f} s)", flush=True)
    if lasting:
        keep(part, found)
        written(kept())
    return [each for each in found if isinstance(each, Figure)]


def _failed(figures: list[Figure], *, slack: float) -> int:
    broken = [each for each in figures if each.broken(slack=slack)]
    for each in broken:
        may = "has to be" if each.least else "may be"
        print(f"broken: {each.name} is {each.ratio:.2f} of {each.against}, and {may} {each.goal:g}")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""python -m bench [--smoke] [--write-baseline] [PART ...]: figures as ratios to what is measured in the same run.

The parts are `core` and the frameworks, each of which is measured where it is installed. Without one, all are.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import import_figures, oversight_figures, policy_figures, store_figures
from .yardsticks import Figure

BASELINE = Path(__file__).parent / "baseline.json"

SLACK = 1.5
"""By how much the short form may miss what binds: it measures little, so only what is far away is found there."""

PARTS = ("core", "langgraph", "openai_agents", "crewai", "autogen")


async def measured(folder: Path, parts: Sequence[str], *, smoke: bool) -> list[Figure]:
    """The figures of these parts; the short form uses smaller stores and fewer rounds."""
    made: list[Figure] = []
    for part in parts:
        made += await (_core(folder, smoke=smoke) if part == "core" else _framework(part, folder, smoke=smoke))
    return made


async def _core(folder: Path, *, smoke: bool) -> list[Figure]:
    made = [*policy_figures.figures(), *import_figures.figures()]
    made += await oversight_figures.figures(folder, rounds=30 if smoke else 400)
    return [*made, *await store_figures.figures(folder, few=1_000, many=5_000 if smoke else 100_000)]


async def _framework(name: str, folder: Path, *, smoke: bool) -> list[Figure]:
    try:
        part = importlib.import_module(f".{name}_figures", __package__)
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith(("bench", "hitl_")):
            raise
        print(f"not measured: {name} ({exc.name} is not installed)")
        return []
    made: list[Figure] = await part.figures(folder, rounds=3 if smoke else 40)
    return made


def table(figures: list[Figure], before: dict[str, float]) -> str:
    """The report as a Markdown table; `before` are the ratios of the baseline, by key."""
    lines = ["| figure | measured | against | ratio | baseline | goal | |", "|---|---|---|---|---|---|---|"]
    for each in figures:
        known = before.get(each.key)
        baseline = "" if known is None else f"{known:.2f}"
        goal = "" if each.goal is None else f"≤ {each.goal:g}"
        verdict = "" if each.goal is None else ("met" if each.met else "missed")
        shown = (each.name, each.measured, each.against, f"{each.ratio:.2f}", baseline, goal, verdict)
        lines.append(f"| {' | '.join(shown)} |")
    return "\n".join(lines)


def baseline() -> dict[str, float]:
    """The ratios that were kept last, by key; none before the first time."""
    if not BASELINE.exists():
        return {}
    kept: dict[str, float] = json.loads(BASELINE.read_text(encoding="utf-8"))["ratios"]
    return kept


def keep(figures: list[Figure]) -> None:
    """Make these ratios the baseline; those of parts that were not measured now stay."""
    ratios = baseline() | {each.key: round(each.ratio, 2) for each in figures}
    text = json.dumps({"python": platform.python_version(), "ratios": ratios}, indent=2, ensure_ascii=False)
    BASELINE.write_text(text + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a short form that only shows that everything runs")
    parser.add_argument("--write-baseline", action="store_true", help="keep these ratios in bench/baseline.json")
    parser.add_argument("parts", nargs="*", choices=PARTS, metavar="PART", help="what to measure; all if none is named")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hitl-bench-") as folder:
        figures = asyncio.run(measured(Path(folder), options.parts or PARTS, smoke=options.smoke))
    print(table(figures, {} if options.smoke else baseline()))
    if options.write_baseline:
        keep(figures)
    missed = [each for each in figures if not each.met]
    print(f"\n{len(figures)} figures measured, {len(missed)} goals missed" + (" (short form)" if options.smoke else ""))
    return _failed(figures, slack=SLACK if options.smoke else 1.0)


def _failed(figures: list[Figure], *, slack: float) -> int:
    broken = [each for each in figures if each.broken(slack=slack)]
    for each in broken:
        print(f"broken: {each.name} is {each.ratio:.2f} of {each.against}, and may be {each.goal:g}")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""python -m bench [--smoke] [--baseline FILE]: every figure as a ratio to something measured in the same run."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import tempfile
from pathlib import Path

from . import import_figures, policy_figures, store_figures
from .yardsticks import Figure

BASELINE = Path(__file__).parent / "baseline.json"


async def measured(folder: Path, *, smoke: bool) -> list[Figure]:
    """All figures; the short form uses smaller stores and fewer rounds."""
    made = [*policy_figures.figures(), *import_figures.figures()]
    made += await store_figures.figures(folder, few=1_000, many=5_000 if smoke else 100_000)
    made += await _langgraph(folder, rounds=10 if smoke else 60)
    return made


async def _langgraph(folder: Path, *, rounds: int) -> list[Figure]:
    try:
        from . import langgraph_figures
    except ModuleNotFoundError as exc:
        print(f"not measured: LangGraph ({exc.name} is not installed)")
        return []
    return await langgraph_figures.figures(folder, rounds=rounds)


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
    """Make these ratios the baseline."""
    ratios = {each.key: round(each.ratio, 2) for each in figures}
    text = json.dumps({"python": platform.python_version(), "ratios": ratios}, indent=2, ensure_ascii=False)
    BASELINE.write_text(text + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a short form that only shows that everything runs")
    parser.add_argument("--write-baseline", action="store_true", help="keep these ratios in bench/baseline.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hitl-bench-") as folder:
        figures = asyncio.run(measured(Path(folder), smoke=options.smoke))
    print(table(figures, {} if options.smoke else baseline()))
    if options.write_baseline:
        keep(figures)
    missed = [each for each in figures if not each.met]
    print(f"\n{len(figures)} figures measured, {len(missed)} goals missed" + (" (short form)" if options.smoke else ""))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

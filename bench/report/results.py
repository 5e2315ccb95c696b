"""The kept results: what each part found when it was last measured in full, on which machine, and how busy that was."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from ..yardsticks import Curve, Fact, Figure, Found, Table

DOUBT = "\\*"
RESULTS = Path(__file__).parents[1] / "results.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """One part of the report. `load` is the load average around its measurement, without which no time means much."""

    taken: str
    python: str
    machine: str
    cores: int
    load: float
    figures: list[Figure] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    @classmethod
    def now(cls, found: Iterable[Found]) -> Self:
        """What was found just now on this machine."""
        everything = list(found)
        return cls(
            taken=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            python=platform.python_version(),
            machine=_machine(),
            cores=os.cpu_count() or 1,
            load=round(os.getloadavg()[1], 1),
            figures=[each for each in everything if isinstance(each, Figure)],
            curves=[each for each in everything if isinstance(each, Curve)],
            tables=[each for each in everything if isinstance(each, Table)],
            facts=[each for each in everything if isinstance(each, Fact)],
        )

    @property
    def busy(self) -> bool:
        """Whether others worked on this machine too: the benches alone keep it below this."""
        return self.load > 2 * self.cores

    @classmethod
    def read(cls, stored: dict[str, Any]) -> Self:
        """From its JSON."""
        return cls(
            **{name: stored[name] for name in ("taken", "python", "machine", "cores", "load")},
            figures=[Figure(**each) for each in stored["figures"]],
            curves=[_curve(each) for each in stored["curves"]],
            tables=[_table(each) for each in stored["tables"]],
            facts=[Fact(**each) for each in stored["facts"]],
        )


def kept() -> dict[str, Kept]:
    """The parts that were kept, by name."""
    if not RESULTS.exists():
        return {}
    stored = json.loads(RESULTS.read_text(encoding="utf-8"))
    return {name: Kept.read(part) for name, part in stored.items()}


def keep(part: str, found: Iterable[Found]) -> None:
    """Keep what a part found in the place of what it found before; the other parts stay."""
    parts = kept() | {part: Kept.now(found)}
    stored = {name: asdict(parts[name]) for name in sorted(parts)}
    RESULTS.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def table(
    figures: Sequence[Figure], before: dict[str, float] | None = None, *, doubtful: Collection[Figure] = ()
) -> str:
    """Figures as a Markdown table; `before` are the ratios that were kept last, by key, and `doubtful` those of a busy
    machine.
    """
    known = before or {}
    last = " before |" if known else ""
    rule = "---:|" if known else ""
    lines = [f"| figure | measured | against | ratio |{last} goal | |", f"|---|---|---|---:|{rule}---|---|"]
    for each in figures:
        earlier = f" {known[each.key]:.2f} |" if each.key in known else (" |" if known else "")
        goal = "" if each.goal is None else f"{'≥' if each.least else '≤'} {each.goal:g}"
        verdict = "" if each.goal is None else ("met" if each.met else "**missed**") + DOUBT * (each in doubtful)
        lines.append(
            f"| {each.name} | {each.measured} | {each.against} | {shown(each.ratio)} |{earlier} {goal} | {verdict} |"
        )
    return "\n".join(lines)


def shown(ratio: float) -> str:
    """Three digits that count, none that do not."""
    return f"{ratio:.2f}" if ratio >= 0.095 or ratio == 0 else f"{ratio:.2g}"


def _table(stored: dict[str, Any]) -> Table:
    return Table(stored["title"], tuple(stored["head"]), [tuple(row) for row in stored["rows"]])


def _curve(stored: dict[str, Any]) -> Curve:
    series = {name: [(x, y) for x, y in points] for name, points in stored["series"].items()}
    return Curve(stored["name"], stored["title"], stored["x"], stored["y"], series)


def _machine() -> str:
    """What a reader needs to place the figures, and nothing that names the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}"

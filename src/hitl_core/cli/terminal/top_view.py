"""`hitl top` as it is shown: a few facts, then what waits by level and by who is asked."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .render import grid_of_facts, shown, table_of


def top_view(found: dict[str, Any]) -> RenderableType:
    """The whole of it."""
    levels, asked = _table("level", found["levels"], found), _table("asked", found["approvers"], found)
    return Group(_facts(found), Text(), levels, Text(), asked)


def _facts(found: dict[str, Any]) -> Table:
    grid = grid_of_facts()
    for name, value in (
        ("open", _open(found)),
        ("opened", f"{found['opened_per_minute']:g} a minute"),
        ("decided", f"{found['decided_per_minute']:g} a minute, {found['expired_per_minute']:g} expired"),
        ("ready", _ready(found)),
        ("running", f"{found['running']:,}"),
        ("workers", _workers(found["workers"])),
        ("lag", _lag(found["lag"])),
        ("stops", ", ".join(f"{count} {scope}" for scope, count in found["stops"].items()) or "none"),
    ):
        grid.add_row(name, shown(value))
    return grid


def _open(found: dict[str, Any]) -> str:
    if not found["open"]:
        return "nothing waits for people"
    return f"{_at_least(found)}{found['open']:,}, the oldest {_since(found['oldest'])}"


def _ready(found: dict[str, Any]) -> str:
    if not found["ready"]:
        return "nothing waits for a worker"
    return f"{_at_least(found)}{found['ready']:,} wait for a worker, the first {_since(found['ready_oldest'])}"


def _at_least(found: dict[str, Any]) -> str:
    return "≥ " if found["at_least"] else ""


def _since(age: float | None) -> str:
    return "since nobody knows when" if age is None else f"for {_ago(age)}"


def _table(of: str, rows: list[dict[str, Any]], found: dict[str, Any]) -> Table:
    table = table_of(of, "open", "oldest")
    for row in rows:
        table.add_row(shown(row["name"]), f"{_at_least(found)}{row['open']:,}", _ago(row["oldest"]))
    return table


def _workers(found: dict[str, Any]) -> str:
    """How many, in which state, and how busy those of each version are."""
    states = ", ".join(f"{found[state]} {state}" for state in ("alive", "ending", "gone") if found[state])
    busy = [
        f"{each['busy']} of {each['places']} busy" + (f" (version {name})" if name else "")
        for name, each in found["versions"].items()
    ]
    return "; ".join([states or "nobody", *busy])


def _lag(lag: dict[str, Any] | None) -> str:
    if lag is None:
        return "nothing was resumed"
    return f"{_ago(lag['p50'])} in the middle, {_ago(lag['p95'])} at 95 %, {_ago(lag['max'])} at most (of {lag['of']})"


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"

"""How things read on a page. Whatever comes from outside is text in which nothing is hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from markupsafe import Markup

from ...channels.plain_text import pieces, visible
from ...protocol import Json

LONG: Final = 600
"""Characters of a text that are shown before it is folded."""
_LONG_LINES: Final = 14


def seen(value: object) -> object:
    """What every expression of a template goes through: text gets escapes for what cannot be seen; markup stays."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return value if value.isascii() and value.isprintable() else visible(value, lines=True)


def text(value: object) -> Markup:
    """Text with its escapes marked, so that they cannot be faked by the same characters in the text itself."""
    made = pieces(str(value), lines=True)
    return Markup("").join(Markup("<mark>{}</mark>").format(p.text) if p.escaped else p.text for p in made)


def coded(value: str) -> Markup:
    """A sentence of ours, in which what stands between backticks is code, as on a terminal."""
    parts = [text(part) for part in value.split("`")]
    if len(parts) % 2 == 0:  # one of them stands alone
        return text(value)
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def is_long(value: str) -> bool:
    """Whether a text is folded."""
    return len(value) > LONG or value.count("\n") >= _LONG_LINES


def size_of(value: str) -> str:
    """How long a text is, in words."""
    lines = value.count("\n") + 1
    return f"{len(value):,} characters" + (f" in {lines:,} lines" if lines > 1 else "")


def as_json(value: Json) -> str:
    """A value as people read JSON: short ones on a line."""
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= 60 else json.dumps(value, ensure_ascii=False, indent=2)


def in_brief(arguments: Mapping[str, Json], most: int = 120) -> str:
    """Arguments on a line, so that two calls of one tool can be told apart: `order A-77, amount 900`."""
    said = (f"{name} {_on_a_line(value)}" for name, value in arguments.items())
    line = ", ".join(said)
    return line if len(line) <= most else f"{line[:most]}…"


def _on_a_line(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def words(name: str) -> str:
    """`human_leads` as people write it."""
    return name.replace("_", " ")


def when(at: datetime) -> Markup:
    """A point in time: in the reader's zone if there is a script, in UTC without."""
    moment = at.astimezone(UTC)
    return Markup('<time datetime="{}" data-when>{}</time>').format(_iso(moment), f"{moment:%Y-%m-%d %H:%M} UTC")


def ago(at: datetime, now: datetime) -> Markup:
    """How far away a point in time is; a script lets it go on."""
    return Markup('<time datetime="{}" data-ago>{}</time>').format(_iso(at), distance(at, now))


def distance(at: datetime, now: datetime) -> str:
    """`in 3 min`, `2 h ago`, `now`."""
    gap = at - now
    if abs(gap) < timedelta(seconds=1):
        return "now"
    return f"in {span(gap)}" if gap > timedelta() else f"{span(-gap)} ago"


def span(gap: timedelta | float) -> str:
    """A duration in its two largest units: `3 h 12 min`."""
    left = int(gap.total_seconds() if isinstance(gap, timedelta) else gap)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def diff_lines(diff: str) -> Iterator[tuple[str, str]]:
    """Each line of a diff, and what it is: `add`, `del`, `at` or ""."""
    for line in diff.splitlines():
        head = line[:2] == "@@" or line[:4] in ("--- ", "+++ ")
        yield ("at" if head else {"+": "add", "-": "del"}.get(line[:1], "")), line


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

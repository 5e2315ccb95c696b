"""A shared draft on the screen: who made which version when, and what each changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from rich.console import RenderableType
from rich.text import Text

from ...protocol import DraftVersion
from .render import arguments_table, changes_table, moment, shown


def draft_lines(versions: Sequence[DraftVersion], *, now: datetime) -> Iterator[RenderableType]:
    """The first version whole, of each other one what it changed, and the newest whole again."""
    if not versions:
        yield Text("this request has no shared draft", "dim")
        return
    yield _head(versions[0], now)
    yield arguments_table(versions[0].arguments)
    for before, after in pairwise(versions):
        yield _head(after, now)
        yield changes_table(before.arguments, after.arguments)
    if len(versions) > 1:
        yield Text(f"version {versions[-1].number} is the newest:", "bold")
        yield arguments_table(versions[-1].arguments)


def _head(version: DraftVersion, now: datetime) -> Text:
    who = (
        "the agent" if version.by is None else f"{version.by.id} ({version.by.channel}, {version.by.authenticated_by})"
    )
    note = f": {version.note}" if version.note else ""
    return shown(f"version {version.number} by {who}, {moment(version.made_at, now)}{note}", "bold")

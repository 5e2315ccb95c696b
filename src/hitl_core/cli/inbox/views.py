"""How a request looks in the list, and on the page beside it. Whatever comes from outside goes through `shown`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from ...commands import Settled
from ...protocol import Comment, DraftVersion
from ..terminal.drafts import draft_lines
from ..terminal.render import ago, comments_panel, request_panel, shown


def row(settled: Settled, *, now: datetime, held: bool) -> Text:
    """Three lines: what, what it does, and how long it has waited and may."""
    request = settled.request
    made = shown(request.title, "dim strike" if held else "bold").append("\n")
    made.append_text(shown(request.preview.effect or request.action.tool)).append("\n")
    made.append(f"{request.level.replace('_', ' ')} · asked {ago(request.created_at, now)}", "dim")
    if request.deadline is not None:
        made.append(f" · until {ago(request.deadline, now)}", "yellow")
    return made


def page(
    settled: Settled, draft: Sequence[DraftVersion], comments: Sequence[Comment], *, now: datetime
) -> list[RenderableType]:
    """All of a request, the versions of its draft, and what was said beside deciding it."""
    said: list[RenderableType] = [request_panel(settled, now=now), *draft_lines(draft, now=now)]
    beside = comments_panel(comments, now)
    return said if beside is None else [*said, beside]

"""What a command writes with: a view that can also write, and the audit lines that go with the changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import NoReturn

from pydantic_core import PydanticSerializationError, to_json

from ....audit import Kept, set_apart
from ....commands import Note
from ....errors import Fault, NotCanonical
from ....protocol import AuditEvent, Json, micros
from .bodies import json_text
from .link import Link
from .trail import Line, Tip, read_tip
from .view import View


class Transaction(View):
    """Lines are kept in memory until the end of the batch, where they are sealed in one go.

    `erases`: something is erased, so the write-ahead log is not to keep it either. `wakes`: a run may go on now.
    """

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.lines: list[Line] = []
        self.of_refusal: list[Line] = []
        self.erases = False
        self.wakes = False
        self._tip: Tip | None = None

    @property
    def tip(self) -> Tip:
        """How the trail ended before this batch. Read under the write lock: another process may have moved it."""
        if self._tip is None:
            self._tip = read_tip(self)
        return self._tip

    @property
    def next_line(self) -> int:
        """The number that the next audit line will have."""
        return self.tip.size + len(self.lines) + 1

    @property
    def reference(self) -> int:
        """By what a row refers to the next audit line: its number, if that is known so early."""
        return self.next_line

    def unless_locked(self, *names: str) -> str:
        return self.link.unless_locked(*names)

    def unsealed(self) -> Iterator[tuple[int, Line]]:
        """The lines of this batch so far, with their numbers."""
        return enumerate(self.lines, self.tip.size + 1)

    def erase_unsealed(self, change: Callable[[int, Kept], Kept]) -> int:
        """Change what is kept apart from the lines of this batch so far; returns how many values were changed."""
        before = self.lines
        self.lines = [
            line._replace(kept=tuple(change(number, kept) for kept in line.kept)) for number, line in self.unsealed()
        ]
        pairs = zip(before, self.lines, strict=True)
        return sum(was != now for old, new in pairs for was, now in zip(old.kept, new.kept, strict=True))

    def note(
        self,
        event: AuditEvent,
        subject: str,
        actor: str,
        now: datetime,
        body: dict[str, Json],
        *,
        run: int | None = None,
    ) -> None:
        """Add an audit line for a change that this command makes."""
        self.lines.append(_line(event, subject, actor, now, body, run))

    def write(self, note: Note, now: datetime, *, run: int | None = None) -> None:
        """Add an audit line that came with the command."""
        self.lines.append(_of(note, now, run))

    def refuse(self, error: Exception, note: Note, now: datetime, *, run: int | None = None) -> NoReturn:
        """Raise `error`; whatever the command wrote is undone, but the refusal itself is recorded."""
        self.of_refusal.append(_of(note, now, run))
        raise error


def _of(note: Note, now: datetime, run: int | None) -> Line:
    """A line from a body that others have made: it may hold what is no JSON."""
    json_text(note.body, what="audit line")
    return _line(note.event, note.subject, note.actor, now, note.body, run)


def _line(
    event: AuditEvent, subject: str, actor: str, now: datetime, body: Mapping[str, Json], run: int | None
) -> Line:
    """Raises NotCanonical here, where only its own command is at stake, and not when the batch is sealed."""
    try:
        actor, body, kept = set_apart(event, actor, body)
        told = to_json(body).decode()
        "".join((subject, actor)).encode()
    except (UnicodeEncodeError, PydanticSerializationError) as exc:
        raise NotCanonical([Fault("audit line", "has a lone surrogate, which no UTF-8 reader accepts")]) from exc
    return Line(micros(now), event.value, subject, actor, told, run, kept)

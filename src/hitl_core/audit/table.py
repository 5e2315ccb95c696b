"""The trail as a table: the same columns in every release, and no cell that a spreadsheet would run."""

from __future__ import annotations

from typing import Final

from ..protocol import AuditEntry

COLUMNS: Final = ("seq", "at", "event", "subject", "actor", "body", "mac")
"""The columns, in their order. New ones come behind these; none is taken away or moved."""

_WIDE: Final = ("\uff1d", "\uff0b", "\uff0d", "\uff20")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", *_WIDE)
"""What a cell begins with that spreadsheets take for a formula, the wide forms of East Asian input included."""


def cells(entry: AuditEntry) -> tuple[str, ...]:
    """The cells of one line, by COLUMNS. Only JSONL is byte for byte what was sealed."""
    values = (entry.seq, entry.at.isoformat(), entry.event, entry.subject, entry.actor, entry.body, entry.mac)
    return tuple(harmless(str(value)) for value in values)


def harmless(cell: str) -> str:
    """The text of a cell, behind an apostrophe where a spreadsheet would calculate it (or it has one already)."""
    return f"'{cell}" if cell.lstrip(" ").startswith((*_FORMULA, "'")) else cell

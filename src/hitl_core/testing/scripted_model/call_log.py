"""The record of every call: one JSON line each, written before the answer leaves."""

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue


class CallEntry(BaseModel):
    """One request to the model.

    ``number``: from 1, goes on when a server reopens its log. ``digest``: SHA-256 (hex) of the
    messages as canonical JSON. ``messages``: how many there were. ``step``: the place in the script
    that answered, such as ``main.steps.1``. ``status``: the HTTP status sent. ``dropped``: the
    connection was cut on purpose. ``body``: the request, if bodies are logged. What could not be
    read from a refused request is ``None``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    at: AwareDatetime
    status: int
    digest: str | None = None
    model: str | None = None
    messages: int | None = None
    step: str | None = None
    dropped: bool = False
    body: dict[str, JsonValue] | None = None

    @property
    def answered(self) -> bool:
        """Whether the model gave a whole answer."""
        return self.status == 200 and not self.dropped


class CallLog:
    """The entries of one server, in memory and, if there is a path, in its file.

    One server at a time writes to a file; anyone may read it meanwhile. Not locked: the caller
    serialises `append`.
    """

    def __init__(self, path: Path | None) -> None:
        """Raises `ValueError` if the file holds something else than whole entries."""
        self._path = path
        self._entries = list(_entries_to_continue(path)) if path and path.exists() else []

    @property
    def entries(self) -> tuple[CallEntry, ...]:
        """Every entry so far, oldest first."""
        return tuple(self._entries)

    def next_entry(self, *, at: datetime, status: int) -> CallEntry:
        """An entry with the next number, to be completed and appended."""
        return CallEntry(number=len(self._entries) + 1, at=at, status=status)

    def append(self, entry: CallEntry) -> None:
        """Write the entry; on return it outlives this process. Raises `OSError` if it does not."""
        if self._path is not None:
            _append_line(self._path, entry.model_dump_json().encode() + b"\n")
        self._entries.append(entry)

    def times_seen(self, *, digest: str, model: str, step: str) -> int:
        """How often this very request has come to this step."""
        wanted = (digest, model, step)
        return sum((entry.digest, entry.model, entry.step) == wanted for entry in self._entries)


def read_calls(path: Path) -> tuple[CallEntry, ...]:
    """The entries of a log file; a line still being written is left out.

    Raises `ValueError` for a line that is not an entry, `OSError` if the file cannot be read.
    """
    whole_lines, _, _ = path.read_bytes().rpartition(b"\n")
    return tuple(CallEntry.model_validate_json(line) for line in whole_lines.splitlines())


def repeated_calls(entries: Iterable[CallEntry]) -> tuple[tuple[CallEntry, ...], ...]:
    """The groups of identical requests that were answered more than once, in order of appearance.

    Identical: same model name and same messages. Refused and dropped ones do not count, since
    a client that asks again after a fault repeats nothing. Two runs that start from the same input
    look alike: give each its own.
    """
    groups: dict[tuple[str | None, str | None], list[CallEntry]] = {}
    for entry in entries:
        if entry.answered:
            groups.setdefault((entry.model, entry.digest), []).append(entry)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _entries_to_continue(path: Path) -> tuple[CallEntry, ...]:
    if not path.read_bytes().endswith(b"\n") and path.stat().st_size:
        raise ValueError(f"the call log ends in half a line, move it away: {path}")
    return read_calls(path)


def _append_line(path: Path, line: bytes) -> None:
    # One write to an O_APPEND file: whole or not at all for a reader, and safe from a killed process.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        written = os.write(file, line)
    finally:
        os.close(file)
    if written != len(line):
        raise OSError(f"wrote {written} of {len(line)} bytes to {path}")

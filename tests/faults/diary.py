"""What really happened, however many processes write and die: a file of JSON, one whole line each, written at once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

LEDGER = "ledger.jsonl"
"""The effects of tools: `tool`, the `key` of the call, and the arguments."""

ACKNOWLEDGED = "acknowledged.jsonl"
"""What clients were told of their answers: `request`, `by`, `decision`, and `got` (won or same)."""


class Diary:
    """One such file; opened, written and closed for each line, so that a fork may use it too."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, **line: Any) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, json.dumps(line).encode() + b"\n")
        finally:
            os.close(file)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """All whole lines, in order; a process that was killed while it wrote has not said anything."""
        if not self.path.exists():
            return []
        whole = self.path.read_bytes().split(b"\n")[:-1]
        return [json.loads(each) for each in whole]

"""What everybody did and was told, one line each in one file, in the order in which it was written."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Final

from ...protocol import Response, canonical, sha256

FILE: Final = "history.jsonl"


class History:
    """Appended to by any number of processes, which may die at any line; a line is whole or not there."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def says(self, did: str, **fields: Any) -> None:
        line = json.dumps({"at": round(time.time(), 3), "pid": os.getpid(), "did": did, **fields})
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line.encode() + b"\n")
        finally:
            os.close(file)

    def lines(self) -> tuple[dict[str, Any], ...]:
        if not self._path.exists():
            return ()
        return tuple(json.loads(line) for line in self._path.read_text(encoding="utf-8").splitlines())

    def told(self, did: str) -> list[dict[str, Any]]:
        """The lines about one thing."""
        return [line for line in self.lines() if line["did"] == did]


def words_of(response: Response) -> str:
    """The digest of what somebody says: two edits of one call are told apart by it."""
    return sha256(canonical(response.decision.model_dump(mode="json")))

"""What apps under test do to the world: a file of effects, one whole line each, however many processes write."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hitl_core.protocol import Json

LEDGER = "HITL_TEST_LEDGER"
"""Names the file: an environment variable, so that other processes and threads share it."""


def record(effect: str, **details: Json) -> None:
    """One effect has happened."""
    line = json.dumps({"effect": effect, **details}).encode() + b"\n"
    file = os.open(os.environ[LEDGER], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def recorded() -> list[dict[str, Any]]:
    """All that has happened, in order."""
    path = Path(os.environ[LEDGER])
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

"""What the agents in this folder really do to the world: one JSON line per effect."""

from __future__ import annotations

import json
import os
from pathlib import Path

DEFAULT = "existing_agents.jsonl"


def record(effect: str, **details: object) -> None:
    """Append one effect to the file that EXISTING_AGENTS_LEDGER names."""
    path = Path(os.environ.get("EXISTING_AGENTS_LEDGER", DEFAULT))
    with path.open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps({"effect": effect, **details}, sort_keys=True) + "\n")

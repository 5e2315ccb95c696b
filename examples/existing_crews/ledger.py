"""What the crews and flows of this folder do to the world: one JSON line each."""

from __future__ import annotations

import json
import os
from pathlib import Path


def record(effect: str, **details: object) -> None:
    """Write one effect to the file named by EXISTING_CREWS_LEDGER."""
    path = Path(os.environ.get("EXISTING_CREWS_LEDGER", "existing_crews.jsonl"))
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"effect": effect, **details}) + "\n")

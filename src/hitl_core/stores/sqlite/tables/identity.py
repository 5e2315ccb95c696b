"""Ids as columns: 16 bytes for a UUID in its usual spelling, the text itself for anything else."""

from __future__ import annotations

import re
from typing import Final

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


def column(name: str) -> bytes | str:
    """How an id is stored. Two different ids are never stored alike."""
    return bytes.fromhex(name.replace("-", "")) if _UUID(name) else name


def text(stored: bytes | str) -> str:
    """The id that `column` stored."""
    if isinstance(stored, str):
        return stored
    digits = stored.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

"""Ids as columns: 16 bytes for a UUID in its usual spelling, the text itself for anything else."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_UUID_BYTES: Final = 16
_RECENT: Final = 4096
"""Ids whose two forms are remembered: a command says the same one many times."""


class Name(str):
    """An id that is stored as text. An engine that keeps all ids as bytes keeps it `packed`."""

    __slots__ = ()


@lru_cache(_RECENT)
def column(name: str) -> bytes | Name:
    """How an id is stored. Two different ids are never stored alike."""
    return bytes.fromhex(name.replace("-", "")) if _UUID(name) else Name(name)


def packed(name: Name) -> bytes:
    """A name as bytes, never sixteen of them: those are a UUID."""
    data = name.encode()
    return b"\1%b\0" % data if len(data) == _UUID_BYTES - 1 else b"\0%b" % data


@lru_cache(_RECENT)
def text(stored: bytes | str) -> str:
    """The id that `column` stored."""
    if isinstance(stored, str):
        return stored
    if len(stored) != _UUID_BYTES:
        return (stored[1:-1] if stored[:1] == b"\1" else stored[1:]).decode(errors="backslashreplace")
    digits = stored.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

"""Bodies: JSON bytes that are written once (a checkpoint: replaced), each with a digest that is checked on reading.

SQLite's own check sees 4 % of flipped bits in data; with the digest it is all of those inside a body.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Final, NamedTuple, Protocol, cast

from ...errors import Fault, NotCanonical, RowCorrupt, TooLarge
from ...protocol import Json

REQUEST_LIMIT: Final = 256 * 1024
RESULT_LIMIT: Final = 1024 * 1024
CHECKPOINT_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of JSON, before compression."""

PACK_ABOVE: Final = 1024
_PACKED: Final = 0x78
"""First byte of a zlib stream; no JSON text begins with it."""


class Body(NamedTuple):
    """Bytes ready to be stored, and the first 16 bytes of their SHA-256."""

    digest: bytes
    data: bytes


class Execute(Protocol):
    """Something with a database behind it."""

    def execute(self, sql: str, parameters: tuple[object, ...] = ..., /) -> Cursor: ...


class Cursor(Protocol):
    """The part of sqlite3.Cursor that is needed here."""

    lastrowid: int | None

    def fetchone(self) -> tuple[object, ...] | None: ...

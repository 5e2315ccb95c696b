"""Identifiers: UUID version 7 (RFC 9562), so that rows sort by the time they were made."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_lock = threading.Lock()
_last = 0


def new_id(now: datetime) -> str:
    """A UUIDv7 for the instant `now`; later calls in one process give greater ids within a millisecond."""
    global _last
    millis = int(now.timestamp() * 1000)
    with _lock:
        tick = max((millis << 12) | int.from_bytes(os.urandom(1)), _last + 1)
        _last = tick
    tail = int.from_bytes(os.urandom(8)) & (2**62 - 1)
    value = ((tick >> 12) & (2**48 - 1)) << 80 | 0x7 << 76 | (tick & 0xFFF) << 64 | 0b10 << 62 | tail
    return str(UUID(int=value))


def micros(moment: datetime) -> int:
    """Microseconds since 1970 in UTC: how instants are stored and hashed."""
    return (moment - _EPOCH) // _MICROSECOND


def instant(value: int) -> datetime:
    """The instant that `micros` stored."""
    return _EPOCH + value * _MICROSECOND

"""Cursors as places: the key that a page went up to. They come from outside, so they may be anything."""

from __future__ import annotations

import re
from typing import Final

from ....errors import RecordError

_KEY: Final = re.compile(r"[0-9]{1,18}").fullmatch
_SNAPSHOT: Final = re.compile(r"([0-9]{1,18}):([0-9]{1,18}):((?:[0-9]{1,18}(?:,[0-9]{1,18})*)?)").fullmatch


def key_of(key: str, *, of: str | None = None) -> int:
    """The key that a cursor, or this part of one, stands for. Raises RecordError for what no page has ever had."""
    if not _KEY(key):
        raise no_cursor(of or key)
    return int(key)


def is_snapshot(seen: str) -> bool:
    """Whether this is a snapshot as PostgreSQL writes it: what is at work in it lies within it, in order."""
    found = _SNAPSHOT(seen)
    if found is None:
        return False
    oldest, end = int(found[1]), int(found[2])
    at_work = [int(each) for each in found[3].split(",") if each]
    return 0 < oldest <= end and at_work == sorted(at_work) and all(oldest <= each < end for each in at_work)


def no_cursor(cursor: str) -> RecordError:
    return RecordError(
        f"{cursor[:80]!r} is no cursor of this store; give the `cursor` of the page before, as it was, or none to "
        "begin with the first page"
    )

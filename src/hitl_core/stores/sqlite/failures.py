"""What SQLite and the operating system report, as our own errors: what happened, why, and the next step."""

from __future__ import annotations

import sqlite3
from typing import Final

from ...errors import Fault, NotCanonical, RecordError, StoreUnavailable
from .location import Location

_ADVICE: Final = {
    "SQLITE_FULL": "the disk is full; free some space and try again",
    "SQLITE_READONLY": "it can only be read; check the permissions of the file and its folder",
    "SQLITE_CANTOPEN": "it cannot be opened; check that the folder exists and can be written",
    "SQLITE_BUSY": "another program has locked it; only hitl-core should write to it",
    "SQLITE_IOERR": "the disk reported an error; check the disk, then restore from a backup if it persists",
    "SQLITE_CORRUPT": "the file is damaged; restore it from a backup (`.backup`, never a copy of a live file)",
    "SQLITE_NOTADB": "the file is not an SQLite database; check the path in `store.url`",
}
"""By primary result code: why, and the next step."""


def unavailable(error: BaseException, location: Location) -> StoreUnavailable:
    """The StoreUnavailable that stands for a driver's or system's error. Nothing of the batch was kept."""
    name = getattr(error, "sqlite_errorname", "") or ""
    primary = "_".join(name.split("_")[:2])
    advice = _ADVICE.get(primary, "nothing was changed; try again")
    cause = f"{name or type(error).__name__}: {error}"
    return StoreUnavailable(f"the store {location} refused the work: {advice} ({cause})")


def of_the_store(error: Exception) -> bool:
    """Whether the store itself failed, so that nothing in the batch can go on."""
    own = sqlite3.IntegrityError | sqlite3.DataError | sqlite3.ProgrammingError
    return isinstance(error, sqlite3.Error) and not isinstance(error, own)


def of_the_command(error: Exception) -> Exception:
    """What one command did wrong, as one of our errors where it is the driver's or the codec's."""
    match error:
        case UnicodeEncodeError():
            return NotCanonical([Fault("text", "has a lone surrogate, which no UTF-8 reader accepts")])
        case OverflowError() | sqlite3.Error():
            return RecordError(f"a value cannot be kept: {error}")
        case _:
            return error

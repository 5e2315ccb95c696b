"""What SQLite and the operating system report, as our own errors: what happened, why, and the next step."""

from __future__ import annotations

import sqlite3
from typing import Final

from ....errors import Fault, NotCanonical, RecordError, RowCorrupt, StoreError, StoreUnavailable
from ...sql.tables import Taken
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


def of_reading(error: sqlite3.Error | UnicodeDecodeError, location: Location) -> StoreError:
    """What an error means that came up while reading. The driver may fail to decode what it says about such a text."""
    if isinstance(error, UnicodeDecodeError) or _is_damage(error):
        return _damaged(error)
    return unavailable(error, location)


def unavailable(error: sqlite3.Error | UnicodeDecodeError, location: Location) -> StoreUnavailable:
    """The StoreUnavailable that stands for a driver's error. Nothing of the batch was kept."""
    illegible = "SQLITE_CORRUPT" if isinstance(error, UnicodeDecodeError) else ""
    name = illegible or getattr(error, "sqlite_errorname", "") or ""
    primary = "_".join(name.split("_")[:2])
    advice = _ADVICE.get(primary, "nothing was changed; try again")
    cause = f"{name or type(error).__name__}: {error}"
    return StoreUnavailable(f"the store {location} refused the work: {advice} ({cause})")


def of_the_store(error: Exception) -> bool:
    """Whether the store itself failed, so that nothing in the batch can go on."""
    own = sqlite3.IntegrityError | sqlite3.DataError | sqlite3.ProgrammingError
    return isinstance(error, sqlite3.Error) and not isinstance(error, own) and not _is_damage(error)


def of_the_command(error: Exception) -> Exception:
    """What one command did wrong, as one of our errors where it is the driver's or the codec's."""
    match error:
        case UnicodeEncodeError():
            return NotCanonical([Fault("text", "has a lone surrogate, which no UTF-8 reader accepts")])
        case sqlite3.OperationalError():
            return _damaged(error)
        case OverflowError() | sqlite3.Error() | Taken():
            return RecordError(f"a value cannot be kept: {error}")
        case _:
            return error


def _is_damage(error: sqlite3.Error) -> bool:
    """A text that was UTF-8 when it was stored and is not any more. The driver has no code for it."""
    return isinstance(error, sqlite3.OperationalError) and str(error).startswith("Could not decode to UTF-8")


def _damaged(error: sqlite3.Error | UnicodeDecodeError) -> RowCorrupt:
    return RowCorrupt(f"a row is damaged and not used; restore it from a backup. The state or a name in it: {error}")

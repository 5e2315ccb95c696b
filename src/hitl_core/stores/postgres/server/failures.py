"""What PostgreSQL and the way to it report, as our own errors: what happened, why, and the next step."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import errors

from ....errors import Fault, NotCanonical, RecordError, StoreUnavailable
from ...sql.tables import Taken
from .location import Location

_ADVICE: Final = {
    "08": "the connection was lost; see that the server runs and can be reached",
    "25006": "it can only be read, as a standby can; give `store.url` the server that takes writes",
    "28": "it does not let us in; check user and password in `store.url`",
    "3D": "there is no such database; create it first",
    "42": "we may not do that there; give this user a schema of its own in which it may create tables",
    "53": "it has no room or no connections left; free some and try again",
    "55": "others hold what was needed for too long; try again",
    "57": "it was stopped, or the statement took too long; try again",
    "XX001": "the database is damaged; restore it from a backup",
    "XX002": "an index of the database is damaged; build it anew (REINDEX)",
    "58": "its disk reported an error; check it, then restore from a backup if it persists",
}
"""By the code of the error or its class, the first two letters: why, and the next step."""

_OF_THE_COMMAND: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    errors.ProgramLimitExceeded,
)

UNPREPARED: Final = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)
"""What was prepared is not there, or somebody else's: something stands in between, and did not show it."""

_AGAIN: Final = (errors.SerializationFailure, errors.DeadlockDetected, *UNPREPARED)


def to_be_tried_again(error: psycopg.Error) -> bool:
    """Whether nothing was kept, and the same work may well succeed a moment later."""
    return isinstance(error, _AGAIN) or is_lost(error)


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone: the server was stopped or started anew, or cannot be reached."""
    gone = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    return gone or (error.sqlstate or "")[:2] == "08" or isinstance(error, _STOPPED)


_STOPPED: Final = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.IdleSessionTimeout,
    errors.IdleInTransactionSessionTimeout,
)


def unavailable(error: psycopg.Error, location: Location) -> StoreUnavailable:
    """The StoreUnavailable that stands for a driver's error."""
    code = error.sqlstate or "08"
    advice = _ADVICE.get(code) or _ADVICE.get(code[:2], "nothing was changed; try again")
    cause = f"{type(error).__name__}: {str(error).strip()}"
    return StoreUnavailable(f"the store {location} refused the work: {advice} ({cause})")


def of_the_command(error: Exception) -> Exception | None:
    """What one command did wrong, as one of our errors where it is the driver's; None if the store itself failed."""
    match error:
        case UnicodeEncodeError():
            return NotCanonical([Fault("text", "has a lone surrogate, which no UTF-8 reader accepts")])
        case OverflowError() | Taken():
            return RecordError(f"a value cannot be kept: {error}")
        case errors.UniqueViolation() if error.diag.constraint_name == "hitl_requests_id_key":
            return RecordError("a request with this id exists already; give each its own")
        case psycopg.Error() if isinstance(error, _OF_THE_COMMAND):
            return RecordError(f"a value cannot be kept: {str(error).strip()}")
        case psycopg.Error():
            return None
        case _:
            return error

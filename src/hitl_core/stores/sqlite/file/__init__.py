"""The file on the disk: where it is, how it is opened and locked, its schema, what it reports, who is woken by it."""

from .connection import OneConnection, Readers, connect, folded
from .failures import of_reading, of_the_command, of_the_store, unavailable
from .link import SqliteLink
from .location import Location
from .lock import FileLock, locked
from .moved import MovedTo, close_for_good, moved_to
from .schema import migrate, versions
from .version import FileVersion

__all__ = [
    "FileLock",
    "FileVersion",
    "Location",
    "MovedTo",
    "OneConnection",
    "Readers",
    "SqliteLink",
    "close_for_good",
    "connect",
    "folded",
    "locked",
    "migrate",
    "moved_to",
    "of_reading",
    "of_the_command",
    "of_the_store",
    "unavailable",
    "versions",
]

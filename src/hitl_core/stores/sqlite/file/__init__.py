"""The file on the disk: where it is, how it is opened and locked, its schema, what it reports, who is woken by it."""

from .changes import Changes, Count, FileVersion
from .connection import OneConnection, Readers, connect, folded
from .doorbell import Doorbell
from .failures import of_the_command, of_the_store, unavailable
from .location import Location
from .lock import FileLock
from .schema import migrate

__all__ = [
    "Changes",
    "Count",
    "Doorbell",
    "FileLock",
    "FileVersion",
    "Location",
    "OneConnection",
    "Readers",
    "connect",
    "folded",
    "migrate",
    "of_the_command",
    "of_the_store",
    "unavailable",
]

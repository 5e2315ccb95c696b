"""The server: where it is, its connections, its schema, how it says things, and who is woken by it."""

from .bell import SLOW, Bell
from .connection import Connections, connect
from .failures import is_lost, of_the_command, to_be_tried_again, unavailable
from .hearing import is_heard
from .link import Connection, Found, PostgresLink
from .location import Location
from .numbers import Numbers
from .options import Options
from .schema import migrate, versions
from .timing import ServerTime

__all__ = [
    "SLOW",
    "Bell",
    "Connection",
    "Connections",
    "Found",
    "Location",
    "Numbers",
    "Options",
    "PostgresLink",
    "ServerTime",
    "connect",
    "is_heard",
    "is_lost",
    "migrate",
    "of_the_command",
    "to_be_tried_again",
    "unavailable",
    "versions",
]

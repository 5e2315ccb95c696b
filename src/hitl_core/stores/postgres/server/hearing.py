"""Whether a NOTIFY is heard: not through a pooler that gives each transaction another connection of the server.

Who is listening there is told of nothing, and of no error either. So it is tried: one says something, on another
connection, and the one that listens waits for it.
"""

from __future__ import annotations

import secrets
from typing import Final

from .connection import Connection, connect
from .link import SAY
from .location import Location

MARK: Final = "?"
"""What a trial begins with; nobody takes it for a change."""

PATIENCE: Final = 2.0
"""Seconds after which what was said will not be heard any more."""


class Trial:
    """One trial of a channel: `said` is to be heard on it."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self.said = f"{MARK}{secrets.token_hex(8)}"

    def say(self, connection: Connection) -> None:
        connection.execute(SAY, (self._channel, self.said))


def is_heard(listens: Location, tells: Location, channel: str) -> bool:
    """Whether who listens at one place hears what is said at the other. Raises psycopg.Error."""
    trial = Trial(channel)
    with connect(listens) as ear, connect(tells) as mouth:
        ear.execute(f'LISTEN "{channel}"')  # a name of our own
        trial.say(mouth)
        heard = any(each.payload == trial.said for each in ear.notifies(timeout=PATIENCE, stop_after=1))
        ear.execute("UNLISTEN *")
    return heard

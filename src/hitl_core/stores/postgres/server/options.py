"""How a store deals with its server: what `[store]` says besides where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self, TypeVar

from ....errors import ConfigError, Fault
from ....policy import parse_duration

T = TypeVar("T")

_MILLISECOND: Final = timedelta(milliseconds=1)
_PREPARE: Final = {"auto": None, "on": True, "off": False}


@dataclass(frozen=True)
class Options:
    """`prepare`: whether statements are prepared; None where the connection is direct, as a pooler may lose them.

    `connections` is how many work at the same time. A statement, and a wait for what others hold, ends after its time.
    """

    prepare: bool | None = None
    connections: int = 8
    statement_timeout: timedelta = timedelta(seconds=30)
    lock_timeout: timedelta = timedelta(seconds=15)

    @classmethod
    def of(
        cls, prepare: str | None, connections: str | None, statement_timeout: str | None, lock_timeout: str | None
    ) -> Self:
        """As they stand in hitl.toml. Raises ConfigError with all that is wrong."""
        faults: list[Fault] = []

        def read(name: str, said: str | None, parse: Callable[[str], T], default: T) -> T:
            try:
                return default if said is None else parse(said)
            except (ValueError, LookupError) as exc:
                faults.append(Fault(f"store.{name}", str(exc)))
                return default

        made = cls(
            read("prepare", prepare, _prepared, cls.prepare),
            read("connections", connections, _count, cls.connections),
            read("statement_timeout", statement_timeout, parse_duration, cls.statement_timeout),
            read("lock_timeout", lock_timeout, parse_duration, cls.lock_timeout),
        )
        if faults:
            raise ConfigError(faults)
        return made

    @property
    def timeouts(self) -> tuple[str, str]:
        """Of a statement and of a lock, as the server takes them."""
        return str(self.statement_timeout // _MILLISECOND), str(self.lock_timeout // _MILLISECOND)


def _prepared(said: str) -> bool | None:
    if said not in _PREPARE:
        raise ValueError(f"{said!r} is none of {', '.join(_PREPARE)}")
    return _PREPARE[said]


def _count(said: str) -> int:
    if not said.isdecimal() or not 1 <= int(said) <= 1000:
        raise ValueError(f'{said!r} is no number from 1 to 1000; write it like "8"')
    return int(said)

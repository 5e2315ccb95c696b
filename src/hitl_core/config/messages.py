"""`[messages.NAME]` of hitl.toml: the ways by which people are told where they are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import time
from typing import Any, Final
from zoneinfo import ZoneInfo

from ..channels.messages import Around, Messages, Route
from ..channels.messages.sending import SENDERS, sender_of
from ..contracts import Channel
from ..errors import Fault
from ..policy import parse_duration
from ..protocol import Hours, Level
from .tables import DURATION, FLAG, ROLES, TABLE, TEXT, TEXTS, Table, Type, unknown_key

FROM_ENVIRONMENT: Final = "env:"
"""Before the name of the environment variable that has the value, for what does not belong into a file."""

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

KIND: Final = Type(f"one of {', '.join(sorted(SENDERS))}", lambda value: value in SENDERS)
LEVELS: Final = Type(
    f"a list of {', '.join(Level)}", lambda value: TEXTS.fits(value) and set(value) <= set(map(str, Level))
)
ZONE: Final = Type("a time zone such as 'Europe/Berlin'", lambda value: TEXT.fits(value) and _is_zone(value))
CLOCK: Final = Type("a time of day such as 08:30:00", lambda value: isinstance(value, time) and value.tzinfo is None)
DAYS: Final = Type(f"a list of {', '.join(_DAYS)}", lambda value: TEXTS.fits(value) and set(value) <= set(_DAYS))

KEYS: Final[Mapping[str, Type]] = {
    "kind": KIND,
    "to": TEXT,
    "secret": TEXT,
    "token": TEXT,
    "url": TEXT,
    "roles": ROLES,
    "levels": LEVELS,
    "hours": TABLE,
    "digest": DURATION,
    "link": DURATION,
    "decide": FLAG,
    "speaks_for": ROLES,
}
"""The keys of `[messages.NAME]`."""

HOURS: Final[Mapping[str, Type]] = {"zone": ZONE, "opens": CLOCK, "closes": CLOCK, "days": DAYS}
"""The keys of its `hours`."""


def _is_zone(name: str) -> bool:
    try:
        return bool(ZoneInfo(name))
    except (KeyError, OSError, ValueError):  # no such zone, or no name of one
        return False


def routes_of(tables: Mapping[str, Any], faults: list[Fault]) -> tuple[Route, ...]:
    """The routes that are configured; what is wrong with them goes to `faults`."""
    found = [_route(name, _known(f"messages.{name}", given, KEYS, faults)) for name, given in tables.items()]
    return tuple(each for each in found if each is not None)


def _known(where: str, given: Any, keys: Mapping[str, Type], faults: list[Fault]) -> Table:
    if not isinstance(given, dict):
        faults.append(Fault(where, f"must be a table: [{where}]"))
    table = Table(where, given, faults)
    faults += [unknown_key(f"{where}.{key}", key, set(keys)) for key in table.values if key not in keys]
    return table


def _route(name: str, table: Table) -> Route | None:
    read = {key: table.get(key, kind) for key, kind in KEYS.items()}
    for key in ("kind", "to"):
        if key not in table.values:
            table.faults.append(Fault(f"{table.name}.{key}", "is missing"))
    read |= {key: _resolved(table, key, read[key]) for key in ("to", "secret", "token") if read[key]}
    for key in ("digest", "link"):
        read[key] = parse_duration(read[key]) if read[key] else None
    if read["hours"] is not None:
        read["hours"] = _hours(name, _known(f"{table.name}.hours", read["hours"], HOURS, table.faults))
    for key in ("roles", "levels", "speaks_for"):
        read[key] = tuple(read[key] or ())
    if read["speaks_for"] and read["kind"] not in (None, "webhook"):
        table.faults.append(Fault(f"{table.name}.speaks_for", f"is for webhooks, and this is {read['kind']!r}"))
    read["levels"] = tuple(map(Level, read["levels"]))
    given = {key: value for key, value in read.items() if value is not None}
    return Route(name=name, **given) if {"kind", "to"} <= given.keys() else None


def _resolved(table: Table, key: str, text: str) -> str:
    """The value itself, or that of the environment variable that it names."""
    if not text.startswith(FROM_ENVIRONMENT):
        return text
    variable = text.removeprefix(FROM_ENVIRONMENT)
    value = os.environ.get(variable, "")
    if not value:
        table.faults.append(Fault(f"{table.name}.{key}", f"the environment variable {variable!r} is not set"))
    return value


def _hours(name: str, table: Table) -> Hours:
    read = {key: table.get(key, kind) for key, kind in HOURS.items()}
    if (read["opens"] is None) != (read["closes"] is None):
        table.faults.append(Fault(table.name, "needs both `opens` and `closes`, or neither"))
    days = tuple(sorted(_DAYS.index(day) for day in read["days"] or ()))
    return Hours(name=name, zone=read["zone"] or "UTC", opens=read["opens"], closes=read["closes"], weekdays=days)


def message_channels(routes: tuple[Route, ...], around: Around) -> list[Channel]:
    """The channel of these routes, if there are any. Raises AdapterNotInstalled, ConfigError."""
    if not routes:
        return []
    return [Messages({route.name: (route, sender_of(route)) for route in routes}, around)]

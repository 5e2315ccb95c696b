"""people.toml: a directory that is a file. Every fault in it is reported at once, with its line and key path."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

from ..errors import ConfigError, PolicyInvalid
from ..policy.checking import unknown
from ..policy.file.cursor import Cursor, Named, type_name
from ..policy.file.sources import from_file
from .directory import Absence, Person

log = logging.getLogger("hitl_core")

KEYS: Final = ("name", "roles", "groups", "tenant", "delegate", "away", "addresses")
AWAY: Final = ("from", "until")

_Signature = tuple[int, int, int] | None


class PeopleFile:
    """The people of a file; it is read again when it has changed. While it cannot be read, nobody is known."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError with every fault."""
        self.path = path
        self._signature = _signature(path)
        self._take(read_people(path))

    async def person(self, id: str) -> Person | None:
        return self._current().get(id)

    async def members(self, role: str) -> tuple[Person, ...]:
        return tuple(each for each in self._current().values() if role in each.acts_in)

    async def delegators(self, id: str) -> tuple[Person, ...]:
        self._current()
        return tuple(self._delegators.get(id, ()))

    async def everybody(self) -> tuple[Person, ...]:
        return tuple(self._current().values())

    def _current(self) -> Mapping[str, Person]:
        found = _signature(self.path)
        if found != self._signature:
            self._signature = found
            self._take(self._read_again())
        return self._people

    def _take(self, people: Mapping[str, Person]) -> None:
        self._people = people
        self._delegators: dict[str, list[Person]] = {}
        for each in people.values():
            if each.delegate is not None:
                self._delegators.setdefault(each.delegate, []).append(each)

    def _read_again(self) -> Mapping[str, Person]:
        try:
            return read_people(self.path)
        except Exception as exc:  # whatever it is: who was known before may be known no more
            log.error("the people in %s were changed and are refused, so nobody is known: %s", self.path, exc)
            return {}


def read_people(path: Path) -> Mapping[str, Person]:
    """The people of a file by their ids. Raises ConfigError with every fault, by line."""
    try:
        *_, source = from_file(path)
    except PolicyInvalid as exc:
        raise ConfigError(exc.faults) from exc
    top = source.top(Named())
    top.only(("people",))
    tables = dict(top.named_tables("people"))
    people = {id: _person(id, table) for id, table in tables.items()}
    for id, table in tables.items():
        _check_delegate(people[id], table, people)
    if not people and not source.faults:
        top.fault("has nobody in it; write [people.ID] for each person", "people")
    if source.faults:
        raise ConfigError(source.placed())
    return people


def _person(id: str, table: Cursor) -> Person:
    table.only(KEYS)
    if not id.strip():
        table.fault("must have an id that is not empty")
    roles, groups = (table.texts(key) if key in table else () for key in ("roles", "groups"))
    return Person(
        id=id,
        name=table.text("name") or "",
        roles=roles,
        groups=groups,
        tenant=(table.required("tenant") if "tenant" in table else "") or "default",
        delegate=table.text("delegate"),
        away=tuple(away for each in table.tables("away") if each and (away := _away(each))),
        addresses=_addresses(table),
    )


def _addresses(table: Cursor) -> dict[str, str]:
    """Where messages reach somebody, by the name of the route."""
    given = table.raw.get("addresses", {})
    if not isinstance(given, dict) or not all(isinstance(each, str) and each.strip() for each in given.values()):
        table.fault('must be a table of texts such as { mail = "ann@example.com" }', "addresses")
        return {}
    return dict(given)


def _check_delegate(person: Person, table: Cursor, people: Mapping[str, Person]) -> None:
    if person.delegate == person.id:
        table.fault("names the person itself; name somebody else", "delegate")
    elif person.delegate is not None and person.delegate not in people:
        table.fault(unknown(person.delegate, people, what="person"), "delegate")


def _away(table: Cursor) -> Absence | None:
    table.only(AWAY)
    start, until = (_moment(table, key) for key in AWAY)
    if start is None or until is None:
        return None
    if start >= until:
        table.fault(f"must be later than `from`, which is {start.isoformat()}", "until")
    return Absence(start, until)


def _moment(table: Cursor, key: str) -> datetime | None:
    """A date (from its start, in UTC) or a date and time with its offset."""
    match value := table.raw.get(key):
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC)
        case date() if not isinstance(value, datetime):
            return datetime.combine(value, time(), UTC)
        case None:
            table.fault("is missing", key)
        case datetime():
            table.fault("needs its offset from UTC, as in 2026-12-01T09:00:00+01:00", key)
        case _:
            table.fault(f"must be a date such as 2026-12-01, not {type_name(value)}", key)
    return None


def _signature(path: Path) -> _Signature:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

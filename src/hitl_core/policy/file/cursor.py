"""One TOML table while it is read: values with the right type, or a fault with the place. It never raises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from ...protocol import Hours
from ..checking import KeyPath, Problem, unknown
from ..rules import OnDays, parse_duration

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Named:
    """What the files of a policy have given names to: groups of people, calendars, and working hours."""

    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    calendars: dict[str, OnDays] = field(default_factory=dict)
    hours: dict[str, Hours] = field(default_factory=dict)


class Cursor:
    """A table at `path`. Methods return None, and note the fault, for values that cannot be used."""

    def __init__(self, raw: dict[str, Any], path: KeyPath, faults: list[Problem], named: Named) -> None:
        self.raw, self.path, self.faults, self.named = raw, path, faults, named

    def __contains__(self, key: str) -> bool:
        return key in self.raw

    def fault(self, problem: str, *keys: str | int) -> None:
        self.faults.append(((*self.path, *keys), problem))

    def only(self, known: Iterable[str]) -> None:
        """Refuse keys that are not known."""
        known = tuple(known)
        for key in self.raw:
            if key not in known:
                self.fault(unknown(key, known), key)

    def below(self, raw: dict[str, Any], *keys: str | int) -> Cursor:
        """A table inside this one."""
        return Cursor(raw, (*self.path, *keys), self.faults, self.named)

    def text(self, key: str) -> str | None:
        value = self.raw.get(key)
        if value is None or isinstance(value, str):
            return value
        self.fault(f"must be text, not {type_name(value)}", key)
        return None

    def required(self, key: str) -> str:
        if key not in self.raw:
            self.fault("is missing", key)
        return self.text(key) or ""

    def flag(self, key: str) -> bool:
        value = self.raw.get(key, False)
        if not isinstance(value, bool):
            self.fault(f"must be true or false, not {type_name(value)}", key)
        return value is True

    def word(self, key: str, words: type[E]) -> E | None:
        text = self.text(key)
        if text is None:
            return None
        if text in tuple(words):
            return words(text)
        self.fault(unknown(text, words, what="value"), key)
        return None

    def duration(self, key: str) -> timedelta | None:
        text = self.text(key)
        return None if text is None else self._duration(text, key)

    def durations(self, key: str) -> tuple[timedelta, ...]:
        """One duration or a list of durations; at least one."""
        found = (self._duration(text, key) for text in self.texts(key))
        return tuple(each for each in found if each is not None)

    def _duration(self, text: str, key: str) -> timedelta | None:
        try:
            return parse_duration(text)
        except ValueError as exc:
            self.fault(str(exc), key)
            return None

    def integer(self, key: str, lowest: int, highest: int) -> int:
        """A whole number, `lowest` if it is not there."""
        value = self.raw.get(key, lowest)
        if type(value) is int and lowest <= value <= highest:
            return value
        self.fault(f"must be an integer from {lowest} to {highest}", key)
        return lowest

    def named_tables(self, key: str) -> Iterator[tuple[str, Cursor]]:
        """The tables in the table at `key`, by their names."""
        table = self.table(key)
        for name in () if table is None else table.raw:
            inner = table.table(name) if table else None
            if inner is not None:
                yield name, inner

    def table(self, key: str) -> Cursor | None:
        """The table at `key`, if there is one."""
        value = self.raw.get(key)
        if isinstance(value, dict):
            return self.below(value, key)
        if value is not None:
            self.fault(f"must be a table, not {type_name(value)}", key)
        return None

    def tables(self, key: str) -> list[Cursor | None]:
        """The list of tables at `key`, with None in the place of what is no table."""
        value = self.raw.get(key, [])
        if not isinstance(value, list):
            self.fault(f"must be a list of tables, not {type_name(value)}", key)
            return []
        return [self._item(key, index, item) for index, item in enumerate(value)]

    def texts(self, key: str) -> tuple[str, ...]:
        """One text or a list of texts; at least one."""
        value = self.raw.get(key)
        many = value if isinstance(value, list) else [value]
        texts = tuple(text for text in many if isinstance(text, str) and text)
        if not texts or len(texts) < len(many):
            self.fault("must be a name, or a list of at least one name", key)
        return texts

    def _item(self, key: str, index: int, item: object) -> Cursor | None:
        if isinstance(item, dict):
            return self.below(item, key, index)
        self.fault(f"must be a table, not {type_name(item)}", key, index)
        return None


def type_name(value: object) -> str:
    """What TOML calls this value."""
    match value:
        case bool():
            return f"a boolean ({str(value).lower()})"
        case int():
            return "an integer"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a table"
        case Decimal():
            return "a fraction"
        case _:
            return f"a {type(value).__name__}"

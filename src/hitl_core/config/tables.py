"""What stands in one table of hitl.toml: each value checked against its type, every fault kept."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from ..errors import Fault
from ..policy import parse_duration
from ..protocol import EffectMode

CHANGES: Final = "changes"
EVERYTHING: Final = "everything"
"""What agents are told of what people did: edits, refusals and reports, or approvals and answers, too."""


@dataclass(frozen=True, slots=True)
class Type:
    """What a value must be, in words and as a test."""

    words: str
    fits: Callable[[Any], bool]


TEXT: Final = Type("text", lambda value: isinstance(value, str) and bool(value.strip()))
TEXTS: Final = Type("a list of texts", lambda value: isinstance(value, list) and all(map(TEXT.fits, value)))
ROLES: Final = Type("a list of roles, at least one", lambda value: TEXTS.fits(value) and bool(value))
REFERENCE: Final = Type("'module:function'", lambda value: TEXT.fits(value) and all(value.partition(":")))
PATHS: Final = Type(
    "a list of places such as 'card', 'payment.cvv' or 'cards.*.number'", lambda value: _are_paths(value)
)
TABLE: Final = Type("a table", lambda value: isinstance(value, dict))
FLAG: Final = Type("true or false", lambda value: isinstance(value, bool))
COUNT: Final = Type("an integer from 1 to 1000", lambda value: type(value) is int and 1 <= value <= 1000)
REJECTIONS: Final = Type("an integer from 0 to 100", lambda value: type(value) is int and 0 <= value <= 100)
A_MINUTE: Final = Type("an integer from 0 to 100000", lambda value: type(value) is int and 0 <= value <= 100_000)
TRIED: Final = Type("an integer from 0 to 100", lambda value: type(value) is int and 0 <= value <= 100)
GRACE: Final = Type("seconds between 0 and 3600", lambda value: is_number(value) and 0 <= value <= 3600)
LEASE: Final = Type("seconds between 0.2 and 3600", lambda value: is_number(value) and 0.2 <= value <= 3600)
DURATION: Final = Type("a duration such as 90s, 15m, 2h or 3d", lambda value: TEXT.fits(value) and _is_duration(value))
EFFECT: Final = Type("'ledger' or 'idempotent'", lambda value: value in (EffectMode.LEDGER, EffectMode.IDEMPOTENT))
TOLD: Final = Type(f"{CHANGES!r} or {EVERYTHING!r}", lambda value: value in (CHANGES, EVERYTHING))


def _are_paths(value: Any) -> bool:
    return TEXTS.fits(value) and all(all(key.strip() for key in path.split(".")) for path in value)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_duration(value: str) -> bool:
    try:
        return bool(parse_duration(value))
    except ValueError:
        return False


def unknown_key(path: str, key: str, known: Collection[str]) -> Fault:
    """What is said of a key that nobody reads: the nearest one that somebody does."""
    near = get_close_matches(key, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
    return Fault(path, f"is not a key that exists; {hint}")


class Table:
    """One table of the file. What is wrong in it goes to `faults`; the default stands in until they are raised."""

    def __init__(self, name: str, values: Any, faults: list[Fault]) -> None:
        self.name = name
        self.values: dict[str, Any] = values if isinstance(values, dict) else {}
        self.given = values is not None
        self.faults = faults

    def get(self, key: str, kind: Type, default: Any = None) -> Any:
        """The value of a key, if it is there and of its type."""
        if key not in self.values:
            return default
        value = self.values[key]
        if kind.fits(value):
            return value
        self.faults.append(Fault(f"{self.name}.{key}", f"must be {kind.words}, not {value!r}"))
        return default

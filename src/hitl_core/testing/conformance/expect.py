"""Comparing what was found with what was promised, in words that a report can print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

E = TypeVar("E", bound=BaseException)

_ENUM: Final = re.compile(r"<\w+\.\w+: ('[^']*')>")


class NotKept(AssertionError):
    """A promise was not kept."""


class Raised(Generic[E]):
    """What was raised inside `refuses`."""

    error: E


def expect(what: str, found: object, wanted: object) -> None:
    """`found` is exactly `wanted`, types included: True is not 1, however deep it lies. Raises NotKept."""
    if _exact(found) != _exact(wanted) or repr(type(found)) != repr(type(wanted)):
        raise NotKept(f"{what}: {_shown(found)}, not {_shown(wanted)}")


def _exact(value: object) -> object:
    """A value in which a truth equals no number; 1 and 1.0 are one number, as in JSON."""
    match value:
        case bool():
            return "a truth", value
        case dict():
            return {key: _exact(each) for key, each in value.items()}
        case list() | tuple():
            return type(value), [_exact(each) for each in value]
        case _:
            return value


def _shown(value: object) -> str:
    """A value as its repr, with the words of enums instead of their names in code."""
    return _ENUM.sub(r"\1", repr(value))


def expect_that(what: str, fact: bool) -> None:
    """It is so. Raises NotKept, saying that it is not so that `what`."""
    if not fact:
        raise NotKept(f"it is not so that {what}")


def expect_in(what: str, part: str, whole: str) -> None:
    """`part` stands in `whole`. Raises NotKept."""
    if part not in whole:
        raise NotKept(f"{what}: {part!r} is not in {whole[-600:]!r}")


@contextmanager
def refuses(what: str, error: type[E], says: str = "") -> Iterator[Raised[E]]:
    """The body raises `error` with `says` in its text. Raises NotKept if it does not."""
    raised: Raised[E] = Raised()
    try:
        yield raised
    except error as exc:
        raised.error = exc
        expect_in(what, says, str(exc))
    else:
        raise NotKept(f"{what} was not refused with {error.__name__}")


def sentence(exc: BaseException) -> str:
    """An error as one line of a report."""
    text = " ".join(str(exc).split())
    return text if isinstance(exc, NotKept) else f"{type(exc).__name__}: {text}"


def amounts(effects: list[dict[str, Any]]) -> list[Any]:
    """The amounts of payments, in order."""
    return [each["amount"] for each in effects]

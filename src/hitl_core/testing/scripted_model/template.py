"""The two values a script may take from the conversation: ``{{input}}`` and ``{{tool_result}}``."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

NAMES: Final = ("input", "tool_result")
_PLACE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def unknown_names(value: object) -> list[str]:
    """The names between double braces, anywhere in a JSON-like value, that are not in `NAMES`."""
    match value:
        case str():
            return [name for name in _PLACE.findall(value) if name not in NAMES]
        case dict():
            return [name for item in value.values() for name in unknown_names(item)]
        case list() | tuple():
            return [name for item in value for name in unknown_names(item)]
        case _:
            return []


def fill(value: JsonValue, known: Mapping[str, str]) -> JsonValue:
    """The value with every name replaced by its text, in strings at any depth (keys excepted).

    Raises `KeyError` with the name when ``known`` lacks it.
    """
    match value:
        case str():
            return fill_text(value, known)
        case dict():
            return {key: fill(item, known) for key, item in value.items()}
        case list():
            return [fill(item, known) for item in value]
        case _:
            return value


def fill_text(text: str, known: Mapping[str, str]) -> str:
    """One text with every name replaced; raises `KeyError` like `fill`."""
    return _PLACE.sub(lambda place: known[place[1]], text)

"""Interrupt payloads as JSON, for showing and for the digest. LangGraph keeps Python values; people see this:

| in the payload                              | shown as                                                |
|---------------------------------------------|---------------------------------------------------------|
| `datetime`, `date`, `time`                  | ISO 8601                                                |
| `Decimal`, `UUID`, `Path`, `timedelta`      | its text                                                |
| `Enum`                                      | its value                                               |
| `bytes`                                     | base64                                                  |
| `tuple`                                     | list                                                    |
| `set`, `frozenset`                          | list, sorted by its JSON                                |
| pydantic model, dataclass                   | its fields                                              |
| LangChain message                           | type, content, and name, tool_calls, tool_call_id if any |
| key of a dict that is not text              | its text; pairs if two keys would be the same           |

What is rendered cannot be sent back as what it was, so no edit of it is offered. Anything else is refused by its type.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, cast
from uuid import UUID

from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from hitl_core.protocol import Json

_PLAIN: Final = (str, int, float, bool, type(None))
_MESSAGE_PARTS: Final = ("name", "tool_calls", "tool_call_id")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A payload as JSON. `parts` are the keys whose values are not what they were, "" for the whole; `fault` says what
    in it cannot be shown."""

    value: Json
    parts: frozenset[str] = frozenset()
    fault: str = ""


def rendered(value: Any) -> Rendered:
    """A payload as JSON, whatever LangGraph kept of it. Never raises."""
    try:
        shown = _json(value)
    except Exception as exc:
        return Rendered(None, frozenset({""}), str(exc))
    return Rendered(shown, _parts(value))


def _parts(value: Any) -> frozenset[str]:
    if not (type(value) is dict and all(type(key) is str for key in value)):
        return frozenset() if is_plain(value) else frozenset({""})
    return frozenset(key for key, each in value.items() if not is_plain(each))


def is_plain(value: Any) -> bool:
    """Whether a value is JSON as Python has it, so that the saver gives back the same."""
    if isinstance(value, dict):
        return type(value) is dict and all(type(key) is str and is_plain(each) for key, each in value.items())
    if isinstance(value, list):
        return type(value) is list and all(map(is_plain, value))
    return type(value) in _PLAIN


def _json(value: Any) -> Json:
    if type(value) in _PLAIN:
        return cast("Json", value)
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, set | frozenset):
        return sorted(map(_json, value), key=_sorted_by)
    if isinstance(value, list | tuple):
        return [_json(each) for each in value]
    return _scalar(value)


def _scalar(value: Any) -> Json:
    match value:
        case Enum():
            return _json(value.value)
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal() | UUID() | PurePath() | timedelta() | str():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case _:
            return _record(value)


def _record(value: Any) -> Json:
    if isinstance(value, BaseMessage):
        more = {name: getattr(value, name, None) for name in _MESSAGE_PARTS}
        return {"type": value.type, "content": _json(value.content)} | {k: _json(v) for k, v in more.items() if v}
    if isinstance(value, BaseModel):
        return _json(value.model_dump(mode="json"))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _json(getattr(value, each.name)) for each in dataclasses.fields(value)}
    kind = type(value)
    raise TypeError(
        f"its payload has a {kind.__module__}.{kind.__qualname__}, which cannot be shown; send JSON instead"
    )


def _mapping(value: Mapping[Any, Any]) -> Json:
    pairs = [(key if isinstance(key, str) else _text(key), _json(each)) for key, each in value.items()]
    if len({key for key, _ in pairs}) < len(pairs):
        return [[_json(key), _json(each)] for key, each in value.items()]
    return {str(key): each for key, each in pairs}


def _text(key: Any) -> str:
    made = _json(key)
    return made if isinstance(made, str) else json.dumps(made)


def _sorted_by(value: Json) -> str:
    return json.dumps(value, sort_keys=True)

"""Typing arguments and answers at a terminal: one typed field after the other, or all as JSON in one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from ...channels.plain_text import fold, visible
from ...checks import json_type
from ...errors import NotCanonical
from ...protocol import Arguments, Json, parse

AskLine = Callable[[str], str | None]
"""Shows a question and returns the line that was typed; None if the person thought better of it."""

_ABSENT: Final = object()
_IN_JSON: Final = "JSON"


def edited(arguments: Arguments, schema: Mapping[str, Json] | None, ask: AskLine) -> Arguments | None:
    """All arguments anew; an empty line keeps what is there. None if the person thought better of it."""
    properties = schema.get("properties") if schema else None
    if not isinstance(properties, dict) or not properties:
        return _whole(arguments, ask)
    changed: Arguments = {}
    for name in dict.fromkeys((*properties, *arguments)):
        field = properties.get(name)
        value = _field(name, arguments.get(name, _ABSENT), field if isinstance(field, dict) else {}, ask)
        if value is None:
            return None
        if value[0] is not _ABSENT:
            changed[name] = value[0]
    return changed


def _whole(arguments: Arguments, ask: AskLine) -> Arguments | None:
    while True:
        line = ask(f"  arguments as JSON [{_brief(arguments)}]: ")
        if line is None:
            return None
        if not line.strip():
            return arguments
        try:
            value = parse(line, what="the arguments")
        except NotCanonical as exc:
            print("  " + visible(str(exc)))
            continue
        if isinstance(value, dict):
            return value
        print("  give one JSON object with all arguments")


def _field(name: str, present: Any, schema: Mapping[str, Json], ask: AskLine) -> tuple[Any] | None:
    """The value of one field in a tuple of one, because any value can be meant; None to give up."""
    types = types_of(schema, present)
    shown = "left out" if present is _ABSENT else _brief(present)
    while True:
        line = ask(f"  {visible(name)} ({' or '.join(sorted(types)) or _IN_JSON}) [{shown}]: ")
        if line is None:
            return None
        if not line.strip():
            return (present,)
        try:
            return (typed(line, types),)
        except NotCanonical:
            print(f"  {visible(name)}: {visible(line)!r} is not {' or '.join(sorted(types)) or _IN_JSON}")


def typed(line: str, types: set[str]) -> Json:
    """What was typed, as one of the types: text as it stands (or in quotes), anything else as JSON.

    Raises NotCanonical if it is none of them.
    """
    try:
        value = parse(line)
    except NotCanonical:
        if "text" in types:
            return line
        raise
    if not types or json_type(value) in types:
        return value
    if "text" in types:
        return line
    raise NotCanonical(f"is a {json_type(value)}")


_NAMES: Final = {"string": "text", "integer": "number", "array": "list"}


def types_of(schema: Mapping[str, Json], present: Any = None) -> set[str]:
    """The JSON types that the schema allows; without any, the type of the present value, if it has one."""
    found = set(_declared(schema))
    if found or present is _ABSENT or present is None:
        return found
    return {json_type(present)}


def _declared(schema: Mapping[str, Json]) -> list[str]:
    declared = schema.get("type")
    names = [declared] if isinstance(declared, str) else declared if isinstance(declared, list) else []
    found = [_NAMES.get(str(name), str(name)) for name in names]
    for branch in ("anyOf", "oneOf"):
        parts = schema.get(branch)
        for part in parts if isinstance(parts, list) else []:
            found += _declared(part) if isinstance(part, dict) else []
    return found


def _brief(value: Json) -> str:
    """A value on one line, never folded in silence."""
    text, hidden = fold(visible(json.dumps(value, ensure_ascii=False)), chars=200)
    return f"{text} … {hidden}" if hidden else text


def answered(schema: Mapping[str, Json] | None, ask: AskLine) -> tuple[Json] | None:
    """The answer to a question: words, or what the schema asks for; None if the person thought better of it."""
    if schema and isinstance(schema.get("properties"), dict):
        made = edited({}, schema, ask)
        return None if made is None else (made,)
    types = set(_declared(schema or {})) or {"text"}
    return _asked(f"  your answer ({' or '.join(sorted(types))}): ", types, ask)


def _asked(question: str, types: set[str], ask: AskLine) -> tuple[Json] | None:
    while True:
        line = ask(question)
        if line is None:
            return None
        try:
            return (line if types == {"text"} else typed(line, types),)
        except NotCanonical:
            print(f"  {visible(line)!r} is not {' or '.join(sorted(types))}")

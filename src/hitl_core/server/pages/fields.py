"""Form fields from a JSON Schema, and the value that somebody has typed into them, with its types. Pure.

What was not touched keeps exactly the value it had. What no field fits is edited as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import Any, Final

from ...channels.plain_text import visible
from ...errors import Fault, NotCanonical
from ...protocol import Json, parse
from .shapes import ABSENT, Shape, shape_of

_TYPES: Final = {
    "text": "text",
    "long": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "yes or no",
    "choice": "one of these",
    "date": "date",
    "json": "JSON",
    "list": "list",
    "group": "object",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field, or a group or list of them. `path` is its place as faults name it, `name` that in the form."""

    name: str
    path: str
    label: str
    kind: str
    type: str
    value: str = ""
    required: bool = True
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    fields: tuple[Field, ...] = ()
    faults: tuple[str, ...] = ()
    can_be_left_out: bool = False
    is_left_out: bool = False
    out_means: str = ""

    @property
    def id(self) -> str:
        return "".join(char if char.isalnum() and char.isascii() else f"-{ord(char):x}-" for char in self.name)

    @property
    def rows(self) -> int:
        lines = sum(1 + len(line) // 70 for line in self.value.split("\n"))
        return max(3, min(18, lines + 1))


@dataclass(frozen=True, slots=True)
class Filled:
    """A field, the value in it (ABSENT where it is left out), and what cannot be read in it."""

    field: Field
    value: Any
    faults: tuple[Fault, ...] = ()


def fill(
    schema: Mapping[str, Json] | None,
    value: Any,
    typed: Mapping[str, str] | None = None,
    *,
    name: str,
    path: str,
    label: str = "",
) -> Filled:
    """The field for a value (ABSENT for one that is still to come); with `typed`, as somebody has filled it in."""
    filled = _fill(shape_of(schema, value), value, typed, Field(name=name, path=path, label=label, kind="", type=""))
    return replace(filled, field=with_faults(filled.field, filled.faults))


def with_faults(field: Field, faults: Iterable[Fault]) -> Field:
    """The field with each fault at its place; those whose place is none of its fields stay out."""
    found = tuple(faults)
    own = tuple(dict.fromkeys((*field.faults, *(each.problem for each in found if _same(each.path, field.path)))))
    return replace(field, faults=own, fields=tuple(with_faults(each, found) for each in field.fields))


def _same(one: str, other: str) -> bool:
    return one.replace("[", ".").replace("]", "") == other.replace("[", ".").replace("]", "")


def _fill(shape: Shape, value: Any, typed: Mapping[str, str] | None, at: Field) -> Filled:
    at = replace(at, kind=shape.kind, type=_TYPES[shape.kind], hint=shape.hint)
    if shape.kind not in ("group", "list"):
        return _leaf(shape, value, typed, at)
    at = _with_box(shape, value, typed, at)
    filled = _group(shape, value, typed, at) if shape.kind == "group" else _list(shape, value, typed, at)
    return Filled(filled.field, None if shape.nullable else ABSENT) if at.is_left_out else filled


def _with_box(shape: Shape, value: Any, typed: Mapping[str, str] | None, at: Field) -> Field:
    """A group or list with its box, where it is there and need not be."""
    can = value is not ABSENT and (shape.nullable or not at.required)
    out = can and typed is not None and f"{at.name}:out" in typed
    means = "none (null)" if shape.nullable else "leave it out"
    return replace(at, can_be_left_out=can, is_left_out=out, out_means=means)


# ── groups and lists ─────────────────────────────────────────────────────────────────────────────────────────────────


def _group(shape: Shape, value: Any, typed: Mapping[str, str] | None, at: Field) -> Filled:
    had = value if isinstance(value, dict) else {}
    whole = at.required or value is not ABSENT  # of a group that may be left out, nothing is needed until it is begun
    inner = [
        (
            name,
            _fill(each, had.get(name, ABSENT), typed, _inside(at, f"{at.path}.{name}", name, label, needed and whole)),
        )
        for name, label, each, needed in shape.properties(had)
    ]
    made = {name: each.value for name, each in inner if each.value is not ABSENT}
    nothing = not made and value is ABSENT and not at.required
    faults = tuple(fault for _, each in inner for fault in each.faults)
    return Filled(replace(at, fields=tuple(each.field for _, each in inner)), ABSENT if nothing else made, faults)


def _list(shape: Shape, value: Any, typed: Mapping[str, str] | None, at: Field) -> Filled:
    had: list[Any] = value if isinstance(value, list) else []
    rows = len(had) if typed is None else max(len(had), _rows(at.name, typed))
    inner = [_row(shape, had, number, typed, at) for number in range(rows)]
    kept = [each for each in inner if each.value is not ABSENT]
    blank = () if typed is not None and len(kept) < rows else (_row(shape, had, rows, None, at).field,)
    made = [each.value for each in kept]
    nothing = not made and value is ABSENT and not at.required
    fields = (*(each.field for each in inner), *blank)
    return Filled(replace(at, fields=fields), ABSENT if nothing else made, _faults(inner))


def _row(shape: Shape, had: list[Any], number: int, typed: Mapping[str, str] | None, at: Field) -> Filled:
    known = number < len(had)
    label = f"{number + 1}" if known else f"{number + 1} (new)"
    place = _inside(at, f"{at.path}[{number}]", str(number), label, required=False)
    filled = _fill(shape.item, had[number] if known else ABSENT, typed, place)
    out = typed is not None and f"{place.name}:out" in typed
    field = replace(filled.field, can_be_left_out=known, is_left_out=out, out_means="take it out of the list")
    return Filled(field, ABSENT) if out else replace(filled, field=field)


def _faults(inner: Iterable[Filled]) -> tuple[Fault, ...]:
    return tuple(fault for each in inner for fault in each.faults)


def _rows(name: str, typed: Mapping[str, str]) -> int:
    """How many rows of a list a form has."""
    numbers = (key.removeprefix(f"{name}/").partition("/")[0].partition(":")[0] for key in _below(name, typed))
    return 1 + max((int(number) for number in numbers if number.isdecimal() and len(number) < 5), default=-1)


def _below(name: str, typed: Mapping[str, str]) -> Iterator[str]:
    return (key for key in typed if key.startswith(f"{name}/"))


def _inside(at: Field, path: str, name: str, label: str, required: bool) -> Field:
    return Field(name=f"{at.name}/{name}", path=path, label=label, kind="", type="", required=required)


# ── one value ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _leaf(shape: Shape, value: Any, typed: Mapping[str, str] | None, at: Field) -> Filled:
    had = _shown(shape, value)
    out = typed is not None and f"{at.name}:out" in typed
    at = replace(
        at,
        value=had,
        choices=_choices(shape, value, at.required) if shape.kind in ("choice", "boolean") else (),
        can_be_left_out=shape.nullable_text or (not at.required and value is not ABSENT and shape.kind in _BOXED),
        is_left_out=out or (shape.nullable_text and value is None),
        out_means="none (null)" if shape.nullable_text else "leave it out",
    )
    if typed is None or at.name not in typed:
        return Filled(at, value)
    line = typed[at.name].replace("\r\n", "\n")
    return _read(shape, value, line, replace(at, value=line, is_left_out=out), same=line == had)


_BOXED: Final = ("text", "long", "number", "integer", "json")
"""Kinds that have a box to leave them out; of the others that is one of their choices, or what empty means."""


def _read(shape: Shape, value: Any, line: str, at: Field, *, same: bool) -> Filled:
    empty = None if shape.nullable and (shape.nullable_text or value is not ABSENT) else ABSENT
    if at.is_left_out and (same or not line or (value is not ABSENT and value is not None)):
        return Filled(at, empty)
    if same and (value is not ABSENT or not at.required or shape.kind in ("text", "long")):
        return Filled(at, value if value is not ABSENT or not at.required else line)
    if not line.strip() and shape.kind not in ("text", "long"):
        return Filled(at, empty) if shape.nullable or not at.required else _wrong(at, ABSENT, "is missing")
    if not line and value is ABSENT and not at.required:
        return Filled(at, ABSENT)
    return _parsed(shape, line, at)


def _parsed(shape: Shape, line: str, at: Field) -> Filled:
    if shape.kind in ("text", "long"):
        return Filled(at, line)
    if shape.kind == "date":
        return Filled(at, line) if _is_date(line) else _wrong(at, line, f"{line!r} is no date; write YYYY-MM-DD")
    try:
        value = parse(line.strip(), what=at.label or "the value")
    except NotCanonical as exc:
        return _wrong(at, line, f"{_brief(line)} is not {_NEEDED.get(shape.kind, 'JSON: ' + exc.faults[0].problem)}")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if shape.kind in ("number", "integer") and not number:
        return _wrong(at, line, f"{_brief(line)} is not {_NEEDED[shape.kind]}")
    return Filled(at, value)


_NEEDED: Final = {"number": "a number; write it like 12.5", "integer": "a whole number"}


def _wrong(at: Field, value: Any, problem: str) -> Filled:
    return Filled(at, value, (Fault(at.path, problem),))


def _brief(line: str) -> str:
    return repr(line if len(line) <= 40 else line[:40] + "…")


def _is_date(line: str) -> bool:
    try:
        return date.fromisoformat(line).isoformat() == line
    except ValueError:
        return False


def _shown(shape: Shape, value: Any) -> str:
    """What stands in a field; what cannot be seen is an escape, and the value stays as it is unless it is changed."""
    if value is ABSENT or (value is None and shape.kind in ("number", "integer", "date", "text", "long")):
        return ""
    if isinstance(value, str) and shape.kind not in ("choice", "json"):
        return visible(value, lines=True)
    indent = 2 if shape.kind == "json" and len(str(value)) > 60 else None
    return _written_out(json.dumps(value, ensure_ascii=False, indent=indent))


def _written_out(text: str) -> str:
    """JSON in which what cannot be seen is an escape of JSON: it reads as the same value."""
    parts = [(hidden, "".join(chars)) for hidden, chars in groupby(text, key=_cannot_be_seen)]
    return "".join(json.dumps(part)[1:-1] if hidden else part for hidden, part in parts)


def _cannot_be_seen(char: str) -> bool:
    return visible(char, lines=True) != char


def _choices(shape: Shape, value: Any, required: bool) -> tuple[tuple[str, str], ...]:
    found = [(json.dumps(each, ensure_ascii=False), _named(each)) for each in shape.options]
    if shape.nullable and ("null", "none") not in found:
        found.append(("null", "none"))
    if value is not ABSENT and (had := json.dumps(value, ensure_ascii=False)) not in dict(found):
        found.insert(0, (had, _named(value)))
    return (("", "choose…" if required else "left out"), *found) if value is ABSENT or not required else tuple(found)


def _named(value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

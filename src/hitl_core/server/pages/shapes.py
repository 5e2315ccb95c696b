"""What kind of field a JSON Schema asks for. Pure; a reference is followed inside the schema only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ...protocol import Json

ABSENT: Final = object()
"""What stands for a value that is not there: any value of JSON can be meant."""

DEEPEST: Final = 4
"""Groups in groups that are still fields; what is deeper is JSON."""
_LONG: Final = 120
_BOUNDS: Final = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "less than {}"),
    ("multipleOf", "a multiple of {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} of them"),
    ("maxItems", "at most {} of them"),
    ("pattern", "has to match {}"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A kind of field. `root` is the schema in which references point, `depth` how deep it stands."""

    kind: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    nullable: bool = False
    options: tuple[Json, ...] = ()
    root: Mapping[str, Any] = field(default_factory=dict)
    depth: int = 0

    @property
    def nullable_text(self) -> bool:
        return self.nullable and self.kind in ("text", "long")

    @property
    def hint(self) -> str:
        """What the schema says about the value, in words."""
        said = str(self.schema.get("description", "")).strip()
        bounds = [words.format(self.schema[key]) for key, words in _BOUNDS if key in self.schema]
        unit = unit_of(self.schema)
        wanted = [f"in {unit}"] if unit else []
        written = self.schema.get("format") if self.kind == "text" else None
        return ". ".join(part for part in (said.rstrip("."), ", ".join([*wanted, *bounds]), written) if part)

    @property
    def item(self) -> Shape:
        """The kind of each field of a list."""
        return _shape(_dict(self.schema.get("items")), ABSENT, self.root, self.depth + 1)

    def properties(self, value: Mapping[str, Any]) -> Iterator[tuple[str, str, Shape, bool]]:
        """Name, label, kind and whether it is needed, of each field of a group with this value."""
        declared = _dict(self.schema.get("properties"))
        needed = self.schema.get("required", ())
        for name in dict.fromkeys((*declared, *value)):
            own = _dict(declared.get(name)) if name in declared else None
            label = str((own or {}).get("title", "")) or name
            label = name if label.casefold().replace(" ", "_") == name.casefold() else f"{label} ({name})"
            made = _shape(own, value.get(name, ABSENT), self.root, self.depth + 1)
            yield name, label, made, name in needed or not declared


def unit_of(schema: Mapping[str, Any]) -> str:
    """What a schema says that a value is counted in; "" where it says nothing."""
    return str(schema.get("unit") or schema.get("x-unit") or "")


def shape_of(schema: Mapping[str, Json] | None, value: Any) -> Shape:
    """The kind of field for a value. Without a schema it keeps the type that it has."""
    return _shape(None if schema is None else dict(schema), value, schema or {}, 0)


def _shape(schema: Mapping[str, Any] | None, value: Any, root: Mapping[str, Any], depth: int) -> Shape:
    if schema is None:
        return _of_value(value, root, depth)
    schema, nullable = _plain(schema, root)
    kind, options = _kind(schema, value, depth)
    if not _fits(kind, value, nullable):
        kind = "json"
    return Shape(kind=kind, schema=schema, nullable=nullable, options=options, root=root, depth=depth)


def _of_value(value: Any, root: Mapping[str, Any], depth: int) -> Shape:
    match value:
        case bool():
            return Shape(kind="boolean", options=(True, False))
        case int() | float():
            return Shape(kind="number")
        case str():
            return Shape(kind=_text(value, {}))
        case dict() if depth == 0:
            return Shape(kind="group", root=root)
        case _:
            return Shape(kind="json")


def _kind(schema: Mapping[str, Any], value: Any, depth: int) -> tuple[str, tuple[Json, ...]]:
    if "const" in schema:
        return "choice", (schema["const"],)
    if isinstance(schema.get("enum"), list):
        return "choice", tuple(each for each in schema["enum"])
    match schema.get("type"):
        case "string":
            return ("date" if schema.get("format") == "date" else _text(value, schema)), ()
        case "boolean":
            return "boolean", (True, False)
        case "number" | "integer" as kind:
            return str(kind), ()
        case "object" if isinstance(schema.get("properties"), dict) and depth < DEEPEST:
            return "group", ()
        case "array" if isinstance(schema.get("items"), dict) and depth < DEEPEST:
            return "list", ()
        case _:
            return "json", ()


def _text(value: Any, schema: Mapping[str, Any]) -> str:
    written = isinstance(value, str) and ("\n" in value or len(value) > _LONG)
    roomy = isinstance(schema.get("maxLength"), int) and schema["maxLength"] > 2 * _LONG
    return "long" if written or roomy or schema.get("format") in ("textarea", "markdown", "multiline") else "text"


_OF: Final[dict[str, type | tuple[type, ...]]] = {
    **{"text": str, "long": str, "date": str, "boolean": bool},
    **{"number": (int, float), "integer": (int, float), "group": dict, "list": list},
}


def _fits(kind: str, value: Any, nullable: bool) -> bool:
    """Whether a value can stand in such a field. One that does not fit its schema is edited as JSON."""
    if value is ABSENT or kind not in _OF or (value is None and nullable and kind not in ("group", "list")):
        return True
    numeric = kind in ("number", "integer")
    return isinstance(value, _OF[kind]) and not (numeric and isinstance(value, bool))


def _plain(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The schema behind references and single branches, and whether null is one of what it allows."""
    nullable = False
    for _ in range(2 * DEEPEST):
        branch, null = _branch(schema, root)
        nullable = nullable or null
        if branch is None:
            break
        schema = {**{key: schema[key] for key in ("title", "description") if key in schema}, **branch}
    types = schema.get("type")
    if isinstance(types, list) and len(rest := [each for each in types if each != "null"]) == 1:
        return {**schema, "type": rest[0]}, nullable or "null" in types
    return schema, nullable


def _branch(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, bool]:
    if isinstance(schema.get("$ref"), str):
        return _referred(schema["$ref"], root), False
    for key in ("anyOf", "oneOf", "allOf"):
        parts = schema.get(key)
        if not isinstance(parts, list) or not all(isinstance(each, dict) for each in parts):
            continue
        real = [each for each in parts if each.get("type") != "null"]
        if len(real) == 1:
            return real[0], len(real) < len(parts)
    return None, False


def _referred(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) and reference.startswith("#") else {}


def _dict(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}

"""Small questions to JSON Schemas: which branches there are, what a branch needs, does a value fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from hitl_core.errors import Fault, PauseAmbiguous, ResponseRefused
from hitl_core.protocol import Json


def resolved(part: Mapping[str, Any], whole: Mapping[str, Any] | None) -> dict[str, Json]:
    """A part of a schema that stands on its own: references followed, definitions carried along."""
    definitions = (whole or {}).get("$defs")
    target = dereferenced(part, whole)
    return {**target, "$defs": definitions} if definitions and "$ref" in str(target) else dict(target)


def dereferenced(part: Mapping[str, Any], whole: Mapping[str, Any] | None) -> dict[str, Any]:
    """The schema that `{"$ref": "#/$defs/X"}` points at; anything else as it is."""
    for _ in range(16):
        reference = part.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/$defs/"):
            break
        part = ((whole or {}).get("$defs") or {}).get(reference.removeprefix("#/$defs/"), {})
    return dict(part)


def branches_by_type(schema: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The branches of a union by the constant in their `type`; a schema of one branch is a union of one."""
    if schema is None:
        return {}
    found = {}
    for part in schema.get("oneOf") or schema.get("anyOf") or [schema]:
        branch = dereferenced(part, schema)
        properties = {k: dereferenced(v, schema) for k, v in branch.get("properties", {}).items()}
        constant = properties.get("type", {}).get("const")
        if isinstance(constant, str):
            found[constant] = {**branch, "properties": properties}
    return found


def check(value: Json, schema: Mapping[str, Any] | None, where: str) -> None:
    """Raises ResponseRefused with every fault of `value`, PauseAmbiguous if the schema itself is not one."""
    if schema is None:
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise PauseAmbiguous(f"the schema of this pause is not a JSON Schema: {error.message}") from error
    validator = Draft202012Validator(schema, registry=Registry())  # nothing is fetched
    try:
        errors = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
    except Unresolvable as error:
        raise PauseAmbiguous(f"the schema of this pause refers to another that is not there: {error}") from error
    if errors:
        raise ResponseRefused([Fault(".".join([where, *map(str, e.absolute_path)]), e.message) for e in errors])


def fits(value: Json, schema: Mapping[str, Any]) -> bool:
    """Whether a value is valid; an unusable schema fits nothing."""
    try:
        check(value, schema, "")
    except (ResponseRefused, PauseAmbiguous):
        return False
    return True

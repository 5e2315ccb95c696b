"""Small questions to JSON Schemas: which branches there are, does a value fit, and what may be answered.

`interrupt(…, response_schema=…)`: the answer is any value that fits the schema. Where the schema itself has a plain yes
and no (a boolean with a title like `approved`, or one property that is boolean or an enum of such words), approve and
reject are offered as well; both must fit the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from hitl_core.errors import Fault, PauseAmbiguous, ResponseRefused
from hitl_core.protocol import Json, Reply

from .codecs import CHOSEN, MESSAGE, VALUE, Codec
from .pause import NativePause
from .vocabulary import Meaning, gives_reason, meaning, stands_for


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


def codec_for_form(pause: NativePause) -> Codec:
    """The codec of an interrupt with a response schema."""
    schema = pause.response_schema or {}
    top = dereferenced(schema, schema)
    options = top.get("enum")
    replies: dict[Reply, Json] = {Reply.ANSWER: dict(VALUE), **_yes_and_no(top, schema)}
    listed: tuple[Json, ...] = ()
    if isinstance(options, list) and all(isinstance(item, str) and item for item in options):
        replies[Reply.CHOOSE], listed = dict(CHOSEN), tuple(options)
    return Codec("form", replies, "schema", answer_schema=schema, options=listed, editable=())


def _yes_and_no(top: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[Reply, Json]:
    if top.get("type") == "boolean":
        return {Reply.APPROVE: True, Reply.REJECT: False} if stands_for(str(top.get("title", ""))) else {}
    properties = {name: dereferenced(part, whole) for name, part in (top.get("properties") or {}).items()}
    deciding = {name: pair for name, part in properties.items() if (pair := _pair(name, part)) is not None}
    if len(deciding) != 1:
        return {}
    name, (yes, no) = next(iter(deciding.items()))
    told = {key: "" for key in properties if key != name and gives_reason(key)}
    return _fitting({name: yes}, {name: no}, told, whole)


def _pair(name: str, part: Mapping[str, Any]) -> tuple[Json, Json] | None:
    if part.get("type") == "boolean":
        truth = stands_for(name)
        return None if truth is None else (truth, not truth)
    words = [word for word in part.get("enum") or () if isinstance(word, str)]
    yes = next((word for word in words if meaning(word) is Meaning.YES), None)
    no = next((word for word in words if meaning(word) is Meaning.NO), None)
    return None if yes is None or no is None else (yes, no)


def _fitting(
    yes: dict[str, Json], no: dict[str, Json], told: dict[str, str], schema: Mapping[str, Any]
) -> dict[Reply, Json]:
    """Approve and reject, with a reason where the schema has a place for one; nothing if they do not fit."""
    approvals = [a for a in (yes, {**yes, **told}) if fits(a, schema)]
    reasons = [key for key in told if fits({**no, key: "why"}, schema)]
    if not approvals:
        return {}
    if reasons:
        return {Reply.APPROVE: approvals[0], Reply.REJECT: {**no, reasons[0]: dict(MESSAGE)}}
    return {Reply.APPROVE: approvals[0], Reply.REJECT: no} if fits(no, schema) else {}

"""The tools that a run was started with: checked before it begins, and given to its agent as neutral ones.

Nothing here runs them. Their schemas come from elsewhere, so no reference in one is fetched, and no regular expression
in one is tried: it could hold up a worker for ever. Whoever carries the call out checks what it wants to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from ..errors import Fault, NotCanonical
from ..protocol import TOOLS_LIMIT, ClientTool, Json, Kind, canonical
from .tool import Tool, Traits

_PATTERNS: Final = ("pattern", "patternProperties")
_VALUES: Final = ("const", "default", "enum", "examples")
"""What stands there is no schema."""


def client_tool_faults(tools: Sequence[ClientTool]) -> list[Fault]:
    """Everything that is wrong with the client tools of a run, whatever its app is."""
    try:
        size = len(canonical([each.model_dump(mode="json") for each in tools], what="tools"))
    except NotCanonical as exc:
        return list(exc.faults)
    if size > TOOLS_LIMIT:
        return [Fault("tools", f"have {size:,} bytes as JSON; the limit is {TOOLS_LIMIT:,}. Name fewer, or say less")]
    names = Counter(each.name for each in tools)
    twice = [Fault(f"tools.{name}", "is given twice") for name, count in names.items() if count > 1]
    return [*twice, *(fault for each in tools for fault in _schema_faults(each))]


def name_taken(name: str) -> Fault:
    """That the app has a tool of this name: a call of it would not say which of the two is meant."""
    return Fault(f"tools.{name}", "is the name of a tool of the app; give yours another one")


def _schema_faults(tool: ClientTool) -> Iterator[Fault]:
    from jsonschema.exceptions import SchemaError

    place = f"tools.{tool.name}.parameters"
    if tool.parameters.get("type") != "object":
        yield Fault(place, f"must be of type 'object', not {tool.parameters.get('type')!r}: arguments have names")
        return
    try:
        _checker(tool.parameters).check_schema(tool.parameters)
    except SchemaError as exc:
        yield Fault(place, f"is no JSON Schema: {exc.message}")
    except Exception as exc:  # a version of JSON Schema that has no name …
        yield Fault(place, f"cannot be read as JSON Schema: {type(exc).__name__}: {exc}")
    for there in _references(tool.parameters):
        if not there.startswith("#"):
            yield Fault(place, f"refers to {there!r}, which is elsewhere; what it needs has to stand in it")


def _references(schema: Any) -> Iterator[str]:
    """Where a schema refers to. Frameworks follow these in their own way, and some would fetch what they name."""
    for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _references(each)
    if isinstance(schema, dict):
        yield from (schema[key] for key in ("$ref", "$dynamicRef") if isinstance(schema.get(key), str))


def client_tool(given: ClientTool) -> Tool:
    """The neutral form of a client tool: a question to people, with the arguments that its schema admits."""
    traits = Traits(title=given.description)
    model = model_of(given.name, given.parameters)
    return Tool(given.name, given.description, kind=Kind.INPUT, traits=traits, parameters=model, client=True)


def model_of(name: str, schema: dict[str, Json]) -> type[BaseModel]:
    """A model of arguments that fit a JSON Schema, and whose own JSON Schema that is."""
    within = _without_patterns(schema)

    class Given(BaseModel):
        model_config = ConfigDict(extra="allow")

        @model_validator(mode="before")
        @classmethod
        def fits(cls, given: Any) -> Any:
            faults = argument_faults(within, given.model_dump() if isinstance(given, cls) else given)
            if faults:
                raise PydanticCustomError("json_schema", "{faults}", {"faults": "; ".join(map(str, faults))})
            return given

        @classmethod
        def model_json_schema(cls, *args: Any, **how: Any) -> dict[str, Any]:
            return deepcopy(schema)  # not by pydantic's own way, which knows no definitions but its own

    Given.__name__ = Given.__qualname__ = name
    return Given


def argument_faults(schema: dict[str, Json], arguments: Any) -> list[Fault]:
    """All ways in which arguments break a schema, each with its place; no reference is ever fetched."""
    from referencing import Registry

    try:
        found = sorted(_checker(schema)(schema, registry=Registry()).iter_errors(arguments), key=lambda e: e.json_path)
    except Exception as exc:  # a reference that leads nowhere, or in circles
        return [Fault("", f"they cannot be checked, their schema cannot be followed: {type(exc).__name__}: {exc}")]
    return [Fault(error.json_path.removeprefix("$").removeprefix("."), error.message) for error in found]


def _checker(schema: dict[str, Json]) -> Any:
    """What checks by the version of JSON Schema that a schema names."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    return validator_for(schema, default=Draft202012Validator)


def _without_patterns(schema: Any) -> Any:
    """A schema without its regular expressions, and without what depends on them."""
    if isinstance(schema, list):
        return [_without_patterns(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    named = isinstance(schema.get("patternProperties"), dict)
    left_out = {*_PATTERNS, *(("additionalProperties", "unevaluatedProperties") if named else ())}
    kept = {key: each for key, each in schema.items() if key not in left_out or not _says(key, each)}
    return {key: each if key in _VALUES else _without_patterns(each) for key, each in kept.items()}


def _says(key: str, value: Any) -> bool:
    """Whether it is the word of JSON Schema, and not a parameter that is called the same."""
    return isinstance(value, str) if key == "pattern" else True

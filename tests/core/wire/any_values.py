"""Any value of a type: records, dataclasses and bodies that travel, within the bounds of their fields."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, JsonValue, StringConstraints
from pydantic.fields import FieldInfo

from hitl_core.errors import Fault, RequestClosed, ResponseRefused
from hitl_core.policy.deciding.moving import Scene
from hitl_core.protocol import ALWAYS, ClientTool, Hours
from tests.core.protocol.json_values import texts, values

FAULTS = st.lists(st.builds(Fault, texts, texts), min_size=1, max_size=2)
REFUSALS = st.none() | st.one_of([st.builds(kind, FAULTS) for kind in (ResponseRefused, RequestClosed)])
MOMENTS = st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001  # UTC is added
WORKING = Hours(name="w", opens=time(9), closes=time(17), weekdays=(0,), dates=(date(2026, 1, 1),), yearly=((12, 25),))
WHOLE: dict[Any, st.SearchStrategy[Any]] = {
    Scene | None: st.none(),
    ResponseRefused | None: REFUSALS,
    Hours: st.sampled_from([ALWAYS, WORKING]),
    ClientTool: st.builds(
        ClientTool,
        name=st.sampled_from(["a", "pickColour", "show-Map_2"]),
        description=texts,
        parameters=st.dictionaries(texts, values, max_size=2),
    ),
}
"""Types that do not say of themselves what their values can be."""


@cache
def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type."""
    return st.deferred(lambda: _of(kind, []))


def _of(kind: Any, bounds: list[Any]) -> st.SearchStrategy[Any]:
    if kind is JsonValue:
        return values
    if kind in WHOLE:
        return WHOLE[kind]
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _of(parts[0], [*bounds, *_bounds(parts[1:])])
    if origin in (Union, types.UnionType):
        return st.one_of([_of(part, bounds) for part in parts])
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is tuple:
        return st.lists(_of(parts[0], []), min_size=_shortest(bounds), max_size=2).map(tuple)
    if origin in (dict, Mapping):
        return st.dictionaries(_of(parts[0], []), _of(parts[1], []), max_size=2)
    return _plain(kind if origin is None else origin, dict(zip(_parameters(origin), parts, strict=True)), bounds)


def _parameters(origin: Any) -> tuple[Any, ...]:
    return getattr(origin, "__parameters__", ())


def _plain(kind: Any, given: dict[Any, Any], bounds: list[Any]) -> st.SearchStrategy[Any]:
    if kind in (type(None), None):
        return st.none()
    if issubclass(kind, BaseModel):
        return _model(kind)
    if dataclasses.is_dataclass(kind):
        hints, made = get_type_hints(kind, include_extras=True), cast("Any", kind)
        return st.builds(made, **{each.name: _field(hints[each.name], given) for each in _init(kind)})
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    return _scalar(kind, bounds)


def _init(kind: Any) -> list[dataclasses.Field[Any]]:
    return [each for each in dataclasses.fields(kind) if each.init]


def _field(hint: Any, given: dict[Any, Any]) -> st.SearchStrategy[Any]:
    if get_origin(hint) is tuple and get_args(hint)[0] in given:
        return st.lists(any_of(given[get_args(hint)[0]]), max_size=2).map(tuple)
    return any_of(hint)


def _model(kind: type[BaseModel]) -> st.SearchStrategy[Any]:
    fields = {name: _of(field.annotation, _bounds(field.metadata)) for name, field in kind.model_fields.items()}
    return st.builds(kind, **fields)


def _bounds(found: Any) -> list[Any]:
    """What Field and StringConstraints say, as single bounds."""
    bounds: list[Any] = []
    for each in found:
        if isinstance(each, FieldInfo):
            bounds += each.metadata
        elif isinstance(each, StringConstraints):
            bounds += [MinLen(each.min_length or 0), MaxLen(each.max_length or 12)]
        else:
            bounds.append(each)
    return bounds


def _scalar(kind: type, bounds: list[Any]) -> st.SearchStrategy[Any]:
    least = next((each.ge if isinstance(each, Ge) else each.gt for each in bounds if isinstance(each, Ge | Gt)), None)
    most = next((each.le for each in bounds if isinstance(each, Le)), None)
    above = any(isinstance(each, Gt) for each in bounds)
    shortest = _shortest(bounds)
    found: dict[Any, st.SearchStrategy[Any]] = {
        str: texts.filter(lambda text: len(text) >= shortest),
        bool: st.booleans(),
        int: st.integers(*_between(least, most)),
        float: st.floats(*_between(least, most), exclude_min=above, allow_nan=False, allow_infinity=False),
        datetime: MOMENTS,
        AwareDatetime: MOMENTS,
    }
    return found[kind]


def _shortest(bounds: list[Any]) -> int:
    return next((each.min_length for each in bounds if isinstance(each, MinLen)), 0)


def _between(least: Any, most: Any) -> tuple[Any, Any]:
    return (-(2**53) if least is None else least, 2**53 if most is None else most)

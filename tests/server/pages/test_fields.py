"""Form fields from a JSON Schema: what kind each is, and that what comes back has the types that it had."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_core.errors import Fault
from hitl_core.protocol import Json
from hitl_core.server.pages.fields import Field, Filled, fill, with_faults
from hitl_core.server.pages.shapes import ABSENT

SCHEMA: dict[str, Json] = {
    "type": "object",
    "required": ["name", "amount", "count", "urgent", "when"],
    "$defs": {"place": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
    "properties": {
        "name": {"type": "string", "description": "Whose it is."},
        "amount": {"type": "number", "minimum": 0, "unit": "EUR"},
        "count": {"type": "integer"},
        "urgent": {"type": "boolean"},
        "when": {"type": "string", "format": "date"},
        "carrier": {"enum": ["post", "courier", 3]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "place": {"$ref": "#/$defs/place"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "limit": {"type": ["integer", "null"]},
        "extra": {"type": "object"},
    },
}
VALUE: dict[str, Any] = {
    "name": "Mira",
    "amount": 120.50,
    "count": 2,
    "urgent": False,
    "when": "2026-11-26",
    "carrier": 3,
    "tags": ["a", ""],
    "place": {"city": "Graz"},
    "note": None,
    "limit": None,
    "extra": {"deep": [1, 2.0, "3"]},
}


def of(value: Any = VALUE, typed: dict[str, str] | None = None, schema: dict[str, Json] | None = SCHEMA) -> Filled:
    return fill(schema, value, typed, name="arguments", path="arguments")


def sent(field: Field) -> dict[str, str]:
    """What a browser sends of a field that nobody touches; a new line is two characters there."""
    if field.kind in ("group", "list"):
        return {name: value for each in field.fields for name, value in sent(each).items()}
    out = {f"{field.name}:out": "1"} if field.can_be_left_out and field.is_left_out else {}
    return {field.name: field.value.replace("\n", "\r\n"), **out}


def leaves(field: Field) -> dict[str, Field]:
    return {field.name: field} if not field.fields else {n: f for each in field.fields for n, f in leaves(each).items()}


def typed(value: Any = VALUE, schema: Any = SCHEMA, **changed: str) -> Filled:
    fields = sent(of(value, schema=schema).field)
    return of(value, fields | {f"arguments/{name}": text for name, text in changed.items()}, schema)


def test_each_kind_has_its_field() -> None:
    kinds = {name.removeprefix("arguments/"): field.kind for name, field in leaves(of().field).items()}
    assert kinds == {
        **{"name": "text", "amount": "number", "count": "integer", "urgent": "boolean", "when": "date"},
        **{"carrier": "choice", "tags/0": "text", "tags/1": "text", "tags/2": "text", "place/city": "text"},
        **{"note": "text", "limit": "integer", "extra": "json"},
    }
    assert leaves(of().field)["arguments/amount"].hint == "in EUR, at least 0"
    assert leaves(of().field)["arguments/name"].hint == "Whose it is"


def test_what_nobody_touched_is_exactly_what_it_was() -> None:
    again = typed()
    assert (again.value, again.faults) == (VALUE, ())
    assert repr(again.value) == repr(VALUE)


def test_what_is_typed_has_the_type_of_its_field() -> None:
    new = typed(
        **{"name": "12", "amount": "7", "count": "3", "urgent": "true", "when": "2026-12-01", "carrier": '"post"'},
        **{"tags/2": "c", "place/city": "", "note": "x", "limit": "5", "extra": '{"a": 1}'},
    )
    assert new.faults == ()
    assert new.value == {
        **{"name": "12", "amount": 7, "count": 3, "urgent": True, "when": "2026-12-01", "carrier": "post"},
        **{"tags": ["a", "", "c"], "place": {"city": ""}, "note": "x", "limit": 5, "extra": {"a": 1}},
    }
    assert isinstance(new.value["amount"], int)


def test_every_fault_is_at_its_place_and_what_was_typed_stays() -> None:
    wrong = {"amount": "1,5", "count": "two", "when": "31.12.2026", "extra": "{", "limit": "x"}
    filled = typed(**wrong)
    assert {fault.path for fault in filled.faults} == {f"arguments.{name}" for name in wrong}
    fields = leaves(filled.field)
    for name, text in wrong.items():
        assert fields[f"arguments/{name}"].value == text
        assert len(fields[f"arguments/{name}"].faults) == 1


def test_what_is_needed_cannot_be_empty() -> None:
    filled = typed(amount="", urgent="")
    assert [str(fault) for fault in filled.faults] == ["arguments.amount: is missing", "arguments.urgent: is missing"]


def test_what_is_not_needed_is_left_out_or_put_in() -> None:
    assert "tags" in typed().value
    fields = sent(of().field)
    left = of(typed=fields | {"arguments/carrier": "", "arguments/note:out": "1"})
    assert "carrier" not in left.value
    assert left.value["note"] is None
    bare = {name: VALUE[name] for name in ("name", "amount", "count", "urgent", "when")}
    assert typed(bare).value == bare
    assert typed(bare, **{"place/city": "Wien", "limit": "3", "tags/0": "x"}).value == {
        **bare,
        "place": {"city": "Wien"},
        "limit": 3,
        "tags": ["x"],
    }


def test_a_row_is_taken_out_of_a_list() -> None:
    fields = sent(of().field) | {"arguments/tags/0:out": "1"}
    assert of(typed=fields).value["tags"] == [""]


LINES: dict[str, Json] = {
    "type": "object",
    "required": ["lines"],
    "properties": {
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]},
        },
        "place": {
            "anyOf": [{"type": "object", "properties": {"city": {"type": "string"}}}, {"type": "null"}],
        },
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}


def boxes(field: Field) -> dict[str, str]:
    own = {field.name: field.out_means} if field.can_be_left_out else {}
    return own | {name: means for each in field.fields for name, means in boxes(each).items()}


def test_objects_are_taken_out_of_lists_and_what_need_not_be_there_is_left_out() -> None:
    value = {"lines": [{"sku": "a"}, {"sku": "b"}], "place": {"city": "Graz"}, "tags": ["x"]}
    offered = boxes(of(value, schema=LINES).field)
    assert offered == {
        "arguments/lines/0": "take it out of the list",
        "arguments/lines/1": "take it out of the list",
        "arguments/place": "none (null)",
        "arguments/place/city": "leave it out",
        "arguments/tags": "leave it out",
        "arguments/tags/0": "take it out of the list",
    }
    assert typed(value, LINES).value == value
    out = {"lines/0:out": "1", "place:out": "1", "tags:out": "1"}
    assert typed(value, LINES, **out).value == {"lines": [{"sku": "b"}], "place": None}
    assert typed({"lines": []}, LINES, **{"lines:out": "1"}).value == {"lines": []}, "it is needed"


def test_without_a_schema_the_types_are_those_of_the_values() -> None:
    value = {"amount": 2.5, "name": "x", "go": True, "deep": {"a": [1]}, "none": None}
    assert typed(value, None).value == value
    assert typed(value, None, amount="3", go="false").value == {**value, "amount": 3, "go": False}
    assert typed(value, None, amount="three").faults


def test_what_cannot_be_seen_is_written_out_and_stays_unless_it_is_changed() -> None:
    value = {"name": "Mira\u202e\u200b\x1b"}
    field = leaves(of(value, schema=None).field)["arguments/name"]
    assert field.value == "Mira\\u202e\\u200b\\x1b"
    assert typed(value, None).value == value
    assert typed(value, None, name="Mira").value == {"name": "Mira"}


def test_a_value_that_does_not_fit_its_schema_is_edited_as_json() -> None:
    odd = {**VALUE, "amount": "much", "tags": "none"}
    kinds = {name: field.kind for name, field in leaves(of(odd).field).items()}
    assert (kinds["arguments/amount"], kinds["arguments/tags"]) == ("json", "json")
    assert typed(odd).value == odd


@pytest.mark.parametrize(
    ("schema", "line", "value"),
    [
        ({"type": "string"}, "yes", "yes"),
        ({"type": "integer"}, "3", 3),
        ({"type": "boolean"}, "false", False),
        ({"enum": ["a", "b"]}, '"b"', "b"),
        ({"type": "array"}, "[1]", [1]),
        ({}, '{"a": 1}', {"a": 1}),
        ({"$ref": "#/nowhere"}, "1", 1),
        ({"$ref": "https://elsewhere/schema"}, "1", 1),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "1", 1),
    ],
)
def test_an_answer_is_what_its_schema_asks_for(schema: dict[str, Json], line: str, value: Json) -> None:
    filled = fill(schema, ABSENT, {"value": line}, name="value", path="value")
    assert (filled.value, filled.faults) == (value, ())


def test_faults_of_the_runtime_go_to_their_fields_too() -> None:
    field = with_faults(of().field, [Fault("arguments.tags[1]", "is empty"), Fault("elsewhere", "lost")])
    assert leaves(field)["arguments/tags/1"].faults == ("is empty",)
    assert sum(len(each.faults) for each in leaves(field).values()) == 1


def test_a_schema_in_circles_ends_as_json() -> None:
    circle: dict[str, Json] = {
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "$ref": "#/$defs/node",
    }
    assert [field.kind for field in leaves(of({}, schema=circle).field).values()] == ["json"]
    endless: dict[str, Json] = {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
    assert of({"x": 1}, schema=endless).field.kind == "json"


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
)
names = st.text("abc", min_size=1, max_size=2)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)


@given(value=st.dictionaries(st.text("abc", min_size=1, max_size=3), json_values, max_size=4))
def test_any_arguments_come_back_as_they_were(value: dict[str, Any]) -> None:
    again = typed(value, None)
    assert repr(again.value) == repr(value)
    assert again.faults == ()

"""Masks in the place of secret arguments, and where a schema says that there are some."""

from __future__ import annotations

import pytest

from hitl_core.errors import NotCanonical
from hitl_core.protocol import Json, has_mask, is_mask, mask, mask_faults, mask_paths, masked, secret_paths

KEY = b"k" * 32
MADE = mask(KEY, "run-1", "charge", ("card",), "4111")


def test_a_mask_is_known_as_one_and_says_nothing() -> None:
    assert is_mask(MADE)
    assert "4111" not in MADE
    assert not any(map(is_mask, ("4111", "[secret x]", MADE + " ", 4, None, [MADE])))


@pytest.mark.parametrize(
    "other",
    [
        mask(b"j" * 32, "run-1", "charge", ("card",), "4111"),
        mask(KEY, "run-2", "charge", ("card",), "4111"),
        mask(KEY, "run-1", "refund", ("card",), "4111"),
        mask(KEY, "run-1", "charge", ("cvv",), "4111"),
        mask(KEY, "run-1", "charge", ("card",), 4111),
    ],
    ids=["key", "run", "tool", "place", "type"],
)
def test_it_binds_the_value_and_its_place_under_a_key(other: str) -> None:
    assert is_mask(other)
    assert other != MADE
    assert mask(KEY, "run-1", "charge", ("card",), "4111") == MADE


def test_what_is_not_json_has_no_mask() -> None:
    with pytest.raises(NotCanonical):
        mask(KEY, "run-1", "charge", ("card",), float("nan"))


def hidden(value: Json, *paths: str) -> tuple[Json, dict[tuple[str, ...], Json]]:
    return masked(value, [tuple(path.split(".")) for path in paths], lambda at, value: f"<{'.'.join(at)}>")


@pytest.mark.parametrize(
    ("path", "shown", "held"),
    [
        ("card", {"card": "<card>", "pay": {"cvv": 7}, "list": [{"pin": 1}, {"pin": 2}]}, {("card",): "4111"}),
        (
            "pay.cvv",
            {"card": "4111", "pay": {"cvv": "<pay.cvv>"}, "list": [{"pin": 1}, {"pin": 2}]},
            {("pay", "cvv"): 7},
        ),
        ("pay", {"card": "4111", "pay": "<pay>", "list": [{"pin": 1}, {"pin": 2}]}, {("pay",): {"cvv": 7}}),
        (
            "list.*.pin",
            {"card": "4111", "pay": {"cvv": 7}, "list": [{"pin": "<list.0.pin>"}, {"pin": "<list.1.pin>"}]},
            {("list", "0", "pin"): 1, ("list", "1", "pin"): 2},
        ),
        ("list.1.pin", {"card": "4111", "pay": {"cvv": 7}, "list": [{"pin": 1}, {"pin": "<list.1.pin>"}]},
         {("list", "1", "pin"): 2}),
        ("iban", {"card": "4111", "pay": {"cvv": 7}, "list": [{"pin": 1}, {"pin": 2}]}, {}),
    ],
)  # fmt: skip
def test_what_lies_at_a_place_is_masked_and_held(path: str, shown: Json, held: dict[tuple[str, ...], Json]) -> None:
    value: Json = {"card": "4111", "pay": {"cvv": 7}, "list": [{"pin": 1}, {"pin": 2}]}
    assert hidden(value, path) == (shown, held)
    assert value == {"card": "4111", "pay": {"cvv": 7}, "list": [{"pin": 1}, {"pin": 2}]}


def test_masks_are_found_wherever_they_stand() -> None:
    value: Json = {"a": [1, {"b": MADE}], "c": MADE, "d": "x"}
    assert dict(mask_paths(value)) == {("a", "1", "b"): MADE, ("c",): MADE}
    assert has_mask(value)
    assert not has_mask({"a": [1, {"b": "x"}]})


def test_an_edit_has_to_keep_each_mask_where_it_is() -> None:
    shown: dict[str, Json] = {"card": MADE, "pay": {"cvv": MADE}, "amount": 1}
    assert mask_faults(shown, {"card": MADE, "pay": {"cvv": MADE}, "amount": 2}) == []
    assert mask_faults(shown, {"pay": {"cvv": "123"}, "note": MADE}) == [("card",), ("pay", "cvv")]


SECRET = {"type": "string", "format": "password", "writeOnly": True}


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ({"properties": {"card": SECRET, "amount": {"type": "number"}}}, [("card",)]),
        ({"properties": {"card": {"anyOf": [SECRET, {"type": "null"}]}}}, [("card",)]),
        ({"properties": {"cards": {"items": {"properties": {"pin": SECRET}}}}}, [("cards", "*", "pin")]),
        ({"properties": {"by_name": {"additionalProperties": SECRET}}}, [("by_name", "*")]),
        ({"properties": {"pair": {"prefixItems": [{}, SECRET]}}}, [("pair", "1")]),
        ({"properties": {"pay": {"$ref": "#/$defs/Pay"}}, "$defs": {"Pay": {"properties": {"cvv": SECRET}}}},
         [("pay", "cvv")]),
        ({"properties": {"tree": {"$ref": "#/$defs/Tree"}},
          "$defs": {"Tree": {"properties": {"pin": SECRET, "next": {"$ref": "#/$defs/Tree"}}}}}, [("tree", "pin")]),
        ({"properties": {"away": {"$ref": "https://example.org/schema"}, "odd": True}}, []),
        ({"properties": {"a~b/c": {"$ref": "#/$defs/a~0b~1c"}}, "$defs": {"a~b/c": SECRET}}, [("a~b/c",)]),
        (True, []),
    ],
)  # fmt: skip
def test_what_a_schema_marks_as_write_only(schema: Json, paths: list[tuple[str, ...]]) -> None:
    assert secret_paths(schema) == tuple(paths)

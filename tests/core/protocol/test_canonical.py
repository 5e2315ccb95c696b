"""One byte form for every JSON value: what is the same, what differs, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from hitl_core.errors import NotCanonical, TooLarge
from hitl_core.protocol import canonical, parse, sha256
from hitl_core.protocol.canonical import MAX_DEPTH, MAX_INTEGER
from tests.core.protocol.json_values import lookalikes, meaning, respelled, values


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, b"null"),
        (True, b"true"),
        (1, b"1"),
        (1.0, b"1"),
        ("1", b'"1"'),
        (-0.0, b"0"),
        (1e21, b"1e+21"),
        (0.1, b"0.1"),
        (MAX_INTEGER, b"9007199254740991"),
        (-MAX_INTEGER, b"-9007199254740991"),
        ("\u20ac$\x0f\n", '"€$\\u000f\\n"'.encode()),
        ({"b": 1, "a": [True, {}]}, b'{"a":[true,{}],"b":1}'),
        ({"\U0001f600": 1, "ﬀ": 2}, '{"\U0001f600":1,"ﬀ":2}'.encode()),  # sorted by UTF-16 units (RFC 8785 §3.2.3)
    ],
    ids=repr,
)
def test_a_value_has_one_form(value: Any, expected: bytes) -> None:
    assert canonical(value) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (True, 1),
        (True, "true"),
        (1, "1"),
        (0, False),
        (None, "null"),
        ([], {}),
        ("\u00e9", "e\u0301"),
        ({"a": None}, {}),
    ],
    ids=repr,
)
def test_lookalikes_differ(one: Any, other: Any) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (0, -0.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1})], ids=repr)
def test_spellings_of_one_value_are_equal(one: Any, other: Any) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float("nan"), "not a JSON number"),
        (float("inf"), "not a JSON number"),
        (float("-inf"), "not a JSON number"),
        (MAX_INTEGER + 1, "beyond 2^53-1"),
        (-MAX_INTEGER - 1, "beyond 2^53-1"),
        (10**5000, "beyond 2^53-1"),
        ("\ud800", "lone surrogate"),
        ({"\udfff": 1}, "lone surrogate"),
        ({1: "one"}, "key 1 is not text"),
        ((1, 2), "tuple is not a JSON type"),
        (b"bytes", "bytes is not a JSON type"),
        ({1, 2}, "set is not a JSON type"),
        (object(), "object is not a JSON type"),
        (nested(MAX_DEPTH + 1), "nested deeper than 64 levels"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_has_no_single_form_is_refused(value: Any, problem: str) -> None:
    with pytest.raises(NotCanonical, match=problem.replace("^", r"\^")):
        canonical(value)


def test_every_fault_is_reported_with_its_place() -> None:
    value = {"amount": float("nan"), "items": [1, (2,)], "id": 2**60}
    with pytest.raises(NotCanonical) as refused:
        canonical(value, what="arguments")
    assert [fault.path for fault in refused.value.faults] == ["arguments.amount", "arguments.items[1]", "arguments.id"]


def test_the_deepest_allowed_value_is_taken() -> None:
    assert canonical(nested(MAX_DEPTH)).startswith(b"[[[")


def test_a_payload_over_its_limit_is_refused() -> None:
    assert canonical("x" * 8, limit=10) == b'"xxxxxxxx"'
    with pytest.raises(TooLarge, match="the limit is 10"):
        canonical("x" * 9, limit=10)


@given(values)
def test_equal_meaning_gives_equal_bytes(value: Any) -> None:
    assert canonical(value) == canonical(respelled(value))


@given(values)
def test_the_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.floats(-1e22, 1e22) | st.floats(-1e-3, 1e-3))
def test_every_number_is_written_as_rfc_8785_writes_it(value: float) -> None:
    assert canonical([value]) == rfc8785.dumps([value])


@given(lookalikes, lookalikes)
def test_bytes_are_equal_exactly_if_the_meaning_is(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (meaning(one) == meaning(other))


def test_text_is_read_as_it_stands() -> None:
    read = parse('{"amount": 1.5, "id": 9007199254740991, "tags": ["\\u00e9", null, true]}')
    assert read == {"amount": 1.5, "id": MAX_INTEGER, "tags": ["\u00e9", None, True]}


@given(values)
def test_the_bytes_are_json_with_the_same_meaning(value: Any) -> None:
    read = json.loads(canonical(value), parse_int=float)  # RFC 8785 §3.1: every number is an IEEE 754 double
    assert meaning(read) == meaning(value)


# ── reading JSON text ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1, "a": 2}', "a: is given twice"),
        ('{"x": {"b": 1, "b": 1}}', "b: is given twice"),
        ("[NaN]", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("[1e999]", "1e999 is beyond"),
        ("[-1e999]", "-1e999 is beyond"),
        ("{", "is not JSON"),
        ("", "is not JSON"),
        (b"\xff", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("1" * 5000, "is not JSON"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_text_that_readers_would_disagree_about_is_refused(text: str | bytes, problem: str) -> None:
    with pytest.raises(NotCanonical, match=problem):
        parse(text)


def test_every_repeated_key_is_named() -> None:
    with pytest.raises(NotCanonical) as refused:
        parse('{"b": 1, "a": 1, "a": 2, "b": 2, "c": 3}')
    assert [fault.path for fault in refused.value.faults] == ["a", "b"]


def test_a_digest_names_its_algorithm() -> None:
    assert sha256(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

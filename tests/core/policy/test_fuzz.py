"""Whatever is loaded is a policy, or is refused with PolicyInvalid. Nothing else ever comes out."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_core.errors import Fault, PolicyInvalid
from hitl_core.policy import Facts, Policy, PolicyFault
from hitl_core.protocol import Action, Ruling
from tests.core.policy import strategies as some

TABLES = [tomllib.loads(Path(__file__).with_name(name).read_text("utf-8")) for name in ("cases.toml", "faults.toml")]
TEXTS = [group["policy"] for group in TABLES[0]["group"]] + [entry["text"] for entry in TABLES[1]["refused"]]
LINES = sorted({line for text in TEXTS for line in text.splitlines()})
FUZZ = settings(max_examples=150, deadline=None)

WORDS = st.sampled_from(
    [
        *("version", "defaults", "rules", "id", "why", "match", "when", "effect", "level", "approvers", "deadline"),
        *("on_timeout", "veto", "allow_irreversible", "allow_timeout_approval", "allow_unmatched", "tool", "glob"),
        *("argument", "context", "confidence", "time", "all", "any", "not", "at_most", "equals", "one_of", "every"),
        *("length", "matches", "exists", "type", "from", "to", "zone", "weekdays", "users", "roles", "quorum"),
        *("confirm", "notify", "autonomous", "deny", "2h", "mail.*", "09:00", "mon", "budget", "text"),
        *(
            "rate",
            "novel",
            "within",
            "per",
            "calendar",
            "calendars",
            "days",
            "hours",
            "closed",
            "groups",
            "stages",
            "separate_from",
        ),
        *("remind", "escalate", "after", "instead", "batch", "environments", "without", "include", "run", "agent"),
    ]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(WORDS, st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


def loaded(text: str) -> Policy | None:
    """The policy, or None if it is refused as it should be."""
    try:
        return Policy.from_toml(text, name="p")
    except PolicyInvalid as exc:
        refused = exc
    assert refused.faults
    assert all(isinstance(fault, PolicyFault) and fault.problem for fault in refused.faults)
    assert not [str(fault) for fault in refused.faults if not _has_a_place(fault, text)]
    return None


def _has_a_place(fault: Fault, text: str) -> bool:
    """A fault says its line in the text; one about a key says its path too."""
    if not isinstance(fault, PolicyFault) or fault.line is None:
        return not fault.path
    return 1 <= fault.line <= text.count("\n") + 1


@FUZZ
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    loaded(text)


@FUZZ
@given(st.lists(st.sampled_from(LINES), max_size=15), some.actions, some.facts)
def test_lines_of_other_policies_in_any_order(lines: list[str], action: Action, facts: Facts) -> None:
    policy = loaded("\n".join(lines))
    if policy is not None:
        assert isinstance(policy.decide(action, facts=facts), Ruling)


@FUZZ
@given(st.sampled_from(TEXTS), st.integers(0, 400), st.integers(0, 20), st.text('[]{}="\n,.x1', max_size=4))
def test_a_policy_with_a_hole_or_a_patch(text: str, place: int, hole: int, patch: str) -> None:
    loaded(text[:place] + patch + text[place + hole :])


@FUZZ
@given(st.dictionaries(WORDS, VALUES, max_size=4), st.lists(st.dictionaries(WORDS, VALUES, max_size=6), max_size=3))
def test_any_values_under_known_keys(top: dict[str, Any], rules: list[dict[str, Any]]) -> None:
    text = "".join(f"{key} = {_toml(value)}\n" for key, value in top.items() if key != "rules")
    for rule in rules:
        text += "[[rules]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in rule.items())
    loaded(text)


@FUZZ
@given(VALUES, VALUES)
def test_any_condition_and_match(when: Any, match: Any) -> None:
    rule = '[[rules]]\nid = "a"\nwhy = "a"\nlevel = "confirm"\n'
    loaded(f"{rule}when = {_toml(when)}\nmatch = {_toml(match)}\n")


@FUZZ
@given(st.lists(st.sampled_from(["include", *LINES]), max_size=10), st.lists(st.sampled_from(LINES), max_size=10))
def test_any_files(tmp_path_factory: pytest.TempPathFactory, main: list[str], other: list[str]) -> None:
    """One includes the other, which may include itself."""
    folder = tmp_path_factory.getbasetemp()
    for name, lines in (("fuzz_main.toml", main), ("fuzz_other.toml", other)):
        found = ['include = ["fuzz_other.toml"]' if line.startswith("include") else line for line in lines]
        (folder / name).write_text("\n".join(found), encoding="utf-8")
    try:
        assert isinstance(Policy.from_file(folder / "fuzz_main.toml"), Policy)
    except PolicyInvalid as exc:
        sources = {Path(fault.source).name for fault in exc.faults if isinstance(fault, PolicyFault)}
        assert sources <= {"fuzz_main.toml", "fuzz_other.toml"}


@given(st.binary(max_size=100))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(data)
    with suppress(PolicyInvalid):
        assert isinstance(Policy.from_file(path), Policy)


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case str():
            return '"' + "".join(f"\\U{ord(letter):08X}" for letter in value) + '"'
        case _:
            return str(value)

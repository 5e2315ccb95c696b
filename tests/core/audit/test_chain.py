"""The chain's arithmetic: what goes into a seal, and that a released format never changes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hitl_core.audit import Chain

LINE: dict[str, Any] = {
    "before": Chain.genesis,
    "seq": 1,
    "at": 1_767_603_600_000_000,
    "event": "run.started",
    "subject": "run-1",
    "actor": "worker",
    "body": '{"app":"desk"}',
}


def test_the_format_of_release_one_never_changes() -> None:
    sealed = Chain(bytes(32), "hitl-desk").seal(**LINE)
    assert sealed.hex() == "901da41bfa3d0c224b45006af8c6c764076e14161a783590c576ced16416eda9"


def test_everything_in_a_line_counts() -> None:
    chain = Chain(bytes(32), "hitl-desk")
    other: dict[str, Any] = {"before": bytes([1]) * 32, "seq": 2, "at": LINE["at"] + 1}
    other |= {name: LINE[name] + " " for name in ("event", "subject", "actor", "body")}
    seals = {chain.seal(**(LINE | {name: value})) for name, value in other.items()} | {chain.seal(**LINE)}
    assert len(seals) == len(LINE) + 1


def test_two_trails_with_one_secret_have_different_seals() -> None:
    seals = {Chain(secret, origin).seal(**LINE) for secret in (bytes(32), b"k" * 32) for origin in ("a", "b")}
    assert len(seals) == 4


fields = st.fixed_dictionaries({name: st.text("ab", max_size=2) for name in ("event", "subject", "actor", "body")})


@given(fields, fields)
def test_no_text_moves_from_one_field_into_the_next(one: dict[str, str], other: dict[str, str]) -> None:
    chain = Chain(bytes(32), "desk")
    assert (chain.seal(**(LINE | one)) == chain.seal(**(LINE | other))) == (one == other)

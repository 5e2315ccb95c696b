"""What a grant reaches for, and everything that is wrong with one that cannot be given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hitl_core.policy import allowance_problems, amount_of, reasons_against
from hitl_core.protocol import Action, Allowance, Grant, GrantState, Origin, Responder, acting
from hitl_core.testing.clock import START

PAY = Action(tool="pay", arguments={"to": "ann", "amount": 40.5, "lines": [1, 2]})


def grant(**fields: Any) -> Grant:
    moved = {key: fields.pop(key) for key in ("used", "spent", "tenant") if key in fields}
    allows = Allowance.model_validate({"tool": "pay", **fields})
    given: dict[str, Any] = {"id": "g", "by": Responder(id="ann"), "given_at": START, "tenant": "default"}
    return Grant(allows=allows, expires_at=START + timedelta(hours=1), **(given | moved))


def against(given: Grant, action: Action = PAY) -> list[str]:
    return list(reasons_against(given, action, run="run-1", tenant="default", now=START))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"run_id": "run-1"},
        {"when": {"argument": "to", "one_of": ["ann", "bob"]}},
        {"when": {"argument": "lines", "equals": [1, 2]}},
        {"when": {"not": {"argument": "to", "equals": "eve"}}},
        {"when": {"all": [{"argument": "to", "matches": "a.*"}, {"time": {"from": "08:00", "to": "18:00"}}]}},
        {"times": 2, "used": 1},
        {"sum_of": "amount", "most": 81, "spent": 40.5},
        {"definition": "sha256:1"},
    ],
)
def test_it_reaches(fields: dict[str, Any]) -> None:
    assert against(grant(**fields)) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"tool": "note"}, "it is for 'note' in 'default'"),
        ({"tenant": "other"}, "it is for 'pay' in 'other'"),
        ({"run_id": "run-2"}, "it is for another run"),
        ({"agent": "clerk"}, "it is for the agent 'clerk'"),
        ({"when": {"argument": "to", "equals": "eve"}}, "its condition does not hold"),
        ({"when": {"argument": "nobody", "equals": "eve"}}, "its condition cannot be checked: argument 'nobody' is"),
        ({"when": {"argument": "to"}}, "its condition cannot be read"),
        ({"times": 2, "used": 2}, "it is used up (2 of 2)"),
        ({"sum_of": "amount", "most": 80.9, "spent": 40.5}, "the sum of amount would be 81.0, above 80.9"),
        ({"sum_of": "to", "most": 80}, "what it adds cannot be known: argument 'to'"),
    ],
)
def test_it_does_not_reach(fields: dict[str, Any], why: str) -> None:
    (said,) = against(grant(**fields))
    assert said.startswith(why)


def test_a_tool_that_was_redefined_is_another_one() -> None:
    redefined = PAY.model_copy(update={"definition": "sha256:2"})
    assert against(grant(definition="sha256:1"), redefined) == ["the tool was redefined since"]


def test_an_error_inside_a_condition_does_not_let_anything_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(condition: object) -> Any:
        raise RuntimeError

    monkeypatch.setattr("hitl_core.policy.deciding.covering.compiled", breaks)
    why = "its condition cannot be checked: an internal RuntimeError"
    assert against(grant(when={"argument": "to", "equals": "ann"})) == [why]


def test_the_agent_that_acts_is_the_last_one() -> None:
    assert acting(PAY) is None
    assert acting(Action(tool="pay", origin=Origin(path=("root", "clerk")))) == "clerk"
    assert acting(Action(tool="pay", origin=Origin(agent="desk", path=("root", "clerk")))) == "desk"


def test_what_a_grant_adds() -> None:
    assert amount_of(Allowance(tool="pay"), PAY) == 0
    assert float(amount_of(Allowance(tool="pay", sum_of="amount", most=1), PAY)) == 40.5


def test_where_a_grant_stands() -> None:
    later = START + timedelta(hours=1)
    assert grant().state(START) is GrantState.ACTIVE
    assert grant(used=7).state(START) is GrantState.ACTIVE
    assert grant().state(later) is GrantState.EXPIRED
    assert grant(times=1, used=1).state(START) is GrantState.USED_UP
    assert grant(sum_of="amount", most=5, spent=5).state(START) is GrantState.USED_UP
    revoked = {"revoked_at": START, "revoked_by": "bob"}
    assert grant(times=1, used=1).model_copy(update=revoked).state(later) is GrantState.REVOKED


ELSEWHERE = "a grant looks at arguments and the time of day; its own limits are times and sum_of"


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({}, []),
        ({"when": {"any": [{"argument": "to", "equals": "ann"}]}}, []),
        ({"most": 5}, [("sum_of", "is missing: a sum needs an argument and a limit")]),
        ({"sum_of": "amount"}, [("most", "is missing: a sum needs an argument and a limit")]),
        ({"sum_of": ".", "most": 5}, [("sum_of", "'.' is no path; write it like amount or customer.id")]),
        ({"when": {"confidence": {"above": 0.5}}}, [("when", ELSEWHERE)]),
        ({"when": {"not": {"any": [{"context": "vip", "equals": True}]}}}, [("when", ELSEWHERE)]),
        ({"when": {"rate": {"within": "1h", "above": 2}}}, [("when", ELSEWHERE)]),
        ({"when": {"novel": {"argument": "to"}}}, [("when", ELSEWHERE)]),
        ({"when": {"calendar": "holidays"}}, [("when.calendar", "'holidays' is not in [calendars]")]),
    ],
)
def test_what_is_wrong_with_a_grant(fields: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    assert list(allowance_problems(Allowance.model_validate({"tool": "pay", **fields}))) == problems

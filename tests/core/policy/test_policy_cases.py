"""The cases beside a policy: what passes, what fails and why, and what is wrong with the file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_core.errors import CasesInvalid
from hitl_core.policy import (
    Facts,
    Ledger,
    Match,
    Past,
    Policy,
    Question,
    Rule,
    Tally,
    beside,
    rate,
    situation_of,
    try_cases,
)
from hitl_core.policy.replaying import as_of
from hitl_core.protocol import Action, Level
from hitl_core.testing.policy_cases import PolicyCase, policy_cases

POLICY = """
[groups]
board = ["ann", "bob", "cyn"]
[[rules]]
id = "free"
why = "x"
match = { tool = "pay", reversible = true }
level = "autonomous"
[[rules]]
id = "daily"
why = "x"
match = { tool = "pay", tags = "money" }
when = { budget = { argument = "amount", within = "1d", per = "agent", above = 500 } }
level = "confirm"
deadline = "2h"
approvers = { groups = ["board"], roles = ["lead"], quorum = 2 }
[[rules]]
id = "night"
why = "x"
match = { tool = "pay", environment = "production" }
when = { time = { from = "22:00", to = "06:00", zone = "Europe/Berlin" } }
effect = "deny"
"""
COMMON = """
[defaults]
agent = "desk"
environment = "test"
[tools.pay]
reversible = true
tags = ["money"]
"""


def tried(tmp_path: Path, cases: str) -> dict[str, tuple[str, ...]]:
    policy, file = tmp_path / "policy.toml", tmp_path / "policy.cases.toml"
    policy.write_text(POLICY, encoding="utf-8")
    file.write_text(cases if cases.startswith("cases") else COMMON + cases, encoding="utf-8")
    assert beside(policy) == file
    return {each.case.name: each.faults for each in try_cases(Policy.from_file(policy), file)}


def case(more: str, expect: str, name: str = "c") -> str:
    return (
        f'[[cases]]\nname = "{name}"\ntool = "pay"\narguments = {{ amount = 100 }}\n{more}\nexpect = {{ {expect} }}\n'
    )


@pytest.mark.parametrize(
    ("more", "expect"),
    [
        ("", 'level = "autonomous", rule = "free", users = [], roles = [], quorum = 1'),
        ('before = [{ ago = "2h", times = 5 }]', 'level = "confirm", rule = "daily", quorum = 2, deadline = "2h"'),
        ('before = [{ ago = "2h", times = 5 }]', 'roles = ["lead"], users = ["cyn", "bob", "ann"]'),
        ('before = [{ ago = "2h", times = 4 }]', 'level = "autonomous"'),
        ('before = [{ ago = "1d", times = 5 }]', 'level = "autonomous"'),
        ('before = [{ ago = "2h", times = 5, agent = "other" }]', 'level = "autonomous"'),
        ('before = [{ ago = "2h", arguments = { amount = 400.01 } }]', 'level = "confirm"'),
        ('before = [{ ago = "2h", arguments = { amount = 400.01 }, tags = "x" }]', 'level = "autonomous"'),
        ('before = [{ ago = "2h", times = 9, tool = "other" }]', 'level = "autonomous"'),
        ('before = [{ ago = "1h", tool = "pay" }, { ago = "2h", arguments = { amount = 301 } }]', 'level = "confirm"'),
        ("time = 2026-11-02T23:00:00+01:00", 'level = "autonomous"'),
        ('time = 2026-11-02T23:00:00+01:00\nenvironment = "production"', 'level = "deny", rule = "night"'),
        ('time = "2026-11-02T23:00:00+02:00"\nenvironment = "production"', 'level = "deny"'),
        ('environment = "production"', 'level = "autonomous"'),
        ("reversible = false", 'level = "confirm"'),
        (
            'confidence = 0.5\ncontext = { a = [1.5, "x"] }\nrisk = "low"\nrun = "r"\ntenant = "t"',
            'level = "autonomous"',
        ),
        ('started_by = "ann"\nbackend = "plain"', 'level = "autonomous"'),
    ],
)
def test_a_case_that_passes(tmp_path: Path, more: str, expect: str) -> None:
    assert tried(tmp_path, case(more, expect)) == {"c": ()}


FIVE = 'before = [{ ago = "2h", times = 5 }]'


@pytest.mark.parametrize(
    ("more", "expect", "faults"),
    [
        ("", 'level = "deny"', ("level is autonomous, expected deny",)),
        ("", 'rule = "daily"', ("rule is free, expected daily",)),
        (
            "",
            'roles = ["b", "a"], quorum = 3',
            ("roles is nobody in particular, expected a, b", "quorum is 1, expected 3"),
        ),
        ("", 'deadline = "2h"', ("deadline is none, expected 2:00:00",)),
        (
            'before = [{ ago = "2h", times = 5 }]',
            "users = []",
            ("users is ann, bob, cyn, expected nobody in particular",),
        ),
    ],
)
def test_a_case_that_fails_says_every_difference(
    tmp_path: Path, more: str, expect: str, faults: tuple[str, ...]
) -> None:
    assert tried(tmp_path, case(more, expect)) == {"c": faults}
    (param,) = policy_cases(tmp_path / "policy.toml")
    (made,) = param.values
    assert isinstance(made, PolicyCase)
    with pytest.raises(AssertionError, match=r"policy\.cases\.toml:8: c: "):
        made.check()


@pytest.mark.parametrize(
    ("cases", "fault"),
    [
        ("", "cases: has no cases in it"),
        (case("colour = 1", "level = 'deny'"), ":12: cases[0].colour: 'colour' is not a known key"),
        (case("", "levle = 'deny'"), ":13: cases[0].expect.levle: 'levle' is not a known key; did you mean 'level'?"),
        (case("", "level = 'denied'"), ":13: cases[0].expect.level: 'denied' is not a known level"),
        (case("", ""), ":13: cases[0].expect: expects nothing"),
        (case("", "roles = 5"), ":13: cases[0].expect.roles: must be a name"),
        (case("", "quorum = 0"), ":13: cases[0].expect.quorum: must be an integer"),
        ('[[cases]]\nname = "c"\ntool = "pay"\n', ":8: cases[0].expect: is missing"),
        ('[[cases]]\nexpect = { level = "deny" }\n', ":8: cases[0].tool: is missing"),
        ("cases = 5", "cases: must be a list of tables"),
        ("cases = [5]", "cases[0]: must be a table"),
        (case("", "level = 'deny'") * 2, ":15: cases[1].name: 'c' is the name of a case before it"),
        (case("time = 2026-11-02", "level = 'deny'"), ":12: cases[0].time: must be a date and time with its offset"),
        (case("time = 'noon'", "level = 'deny'"), ":12: cases[0].time: must be a date and time"),
        (case("confidence = 2", "level = 'deny'"), ":12: cases[0].confidence: must be a number from 0 to 1"),
        (case("context = { a = [2026-11-02] }", "level = 'deny'"), ":12: cases[0].context.a[0]: is a date"),
        (case("context = 5", "level = 'deny'"), ":12: cases[0].context: must be a table"),
        (case("before = [{ times = 2 }]", "level = 'deny'"), ":12: cases[0].before[0].ago: is missing"),
        (case("before = [5]", "level = 'deny'"), ":12: cases[0].before[0]: must be a table"),
        (case("agent = ''", "level = 'deny'"), "cases[0].arguments: are no arguments of an action"),
        ("[[case]]\n", ":8: case: 'case' is not a known key; did you mean 'cases'?"),
        ("[tools.pay]\n", "is not TOML"),
        ("[tools.x]\nmode = 1", ":9: tools.x.mode: 'mode' is not a known key"),
    ],
)
def test_a_file_with_faults_is_refused_with_their_lines(tmp_path: Path, cases: str, fault: str) -> None:
    with pytest.raises(CasesInvalid) as refused:
        tried(tmp_path, cases)
    assert any(fault in str(each) for each in refused.value.faults), refused.value.faults


def test_without_defaults_nothing_is_known_and_it_is_noon(tmp_path: Path) -> None:
    file = tmp_path / "x.cases.toml"
    file.write_text('[[cases]]\nname = "c"\ntool = "pay"\nexpect = { level = "confirm" }', encoding="utf-8")
    (only,) = try_cases(Policy.from_toml(POLICY), file)
    assert only.passed
    assert only.case.situation.facts == Facts(now=datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert str(only).endswith("c: as expected")


def test_an_action_from_data() -> None:
    now = datetime(2026, 11, 2, tzinfo=UTC)
    found = situation_of({"tool": "pay", "arguments": {"amount": 1.5}, "agent": "a"}, now=now)
    assert (found.action.arguments, found.facts, found.before) == ({"amount": 1.5}, Facts(now=now, agent="a"), ())
    known = situation_of({"tool": "pay", "risk": "low"}, now=now, traits=lambda tool: {"risk": tool, "tags": ("t",)})
    assert (known.facts.risk, known.facts.tags) == ("low", ("t",))
    with pytest.raises(CasesInvalid, match="the action: tol: 'tol' is not a known key; did you mean 'tool'"):
        situation_of({"tol": "pay"}, now=now)


# ── what began before ───────────────────────────────────────────────────────────────────────────────────────

START = datetime(2026, 11, 2, tzinfo=UTC)
moves = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from("ab"), st.integers(0, 3), st.decimals(0, 9, places=7)), max_size=30
)
Row = tuple[datetime, str, int, Decimal]


@settings(max_examples=200, deadline=None)
@given(moves, st.integers(0, 60))
def test_a_ledger_counts_as_slowly_counting_everything_does(
    moves: list[tuple[int, str, int, Decimal]], window: int
) -> None:
    """Windows, and calls that begin again; what is older than every window is no longer told apart by its call."""
    ledger, everything, now = Ledger(at_least=timedelta()), list[Row](), START
    windows = [timedelta(minutes=3), timedelta(minutes=window), None]
    for minutes, key, call, amount in moves:
        now += timedelta(minutes=minutes)
        gone = now - timedelta(minutes=max(3, window))
        questions = [Question("s", key, within) for within in windows]
        answers = [ledger.past(question, now, place=("r", str(call))) for question in questions]
        others = [each for each in everything if each[2] != call or each[0] <= gone]
        assert answers == [_slowly(others, question, now) for question in questions]
        assert ledger.past(questions[-1], now) == _slowly(everything, questions[-1], now)
        ledger.began([Tally(question, amount) for question in questions], now, place=("r", str(call)))
        kept = [each for each in everything if (each[1], each[2]) != (key, call) or each[0] <= gone]
        everything = [*kept, (now, key, call, amount)]


def _slowly(rows: list[Row], question: Question, now: datetime) -> Past:
    within, unit = question.within, Decimal(10) ** 6
    found = [each for each in rows if each[1] == question.key and (within is None or each[0] > now - within)]
    return Past(len(found), sum((Decimal(ceil(each[3] * unit)) / unit for each in found), Decimal(0)))


def test_what_began_without_a_place_is_counted_each_time() -> None:
    day = timedelta(days=1)
    policy = Policy(
        [Rule(id="r", why="x", match=Match(tool=("pay",)), when=rate(within=day, above=2), level=Level.CONFIRM)]
    )
    facts = Facts(now=START)
    situation = situation_of({"tool": "pay", "before": [{"ago": "1h", "times": 3}]}, now=START)
    assert as_of(policy, situation) == replace(
        facts, history={policy.asks(Action(tool="pay"), facts=facts)[0].question: Past(3)}
    )

"""Random policies, actions and facts, small enough to collide often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, time, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from hitl_core.policy import (
    All,
    AnyOf,
    Argument,
    Budget,
    Condition,
    Confidence,
    ContextValue,
    Defaults,
    During,
    Facts,
    Glob,
    Match,
    Not,
    Novel,
    OnDays,
    Op,
    Past,
    Question,
    Rate,
    Rule,
    Test,
    Type,
    Where,
    argument,
)
from hitl_core.policy.checking.operands import problems_of_tests
from hitl_core.policy.deciding.matching import Shape
from hitl_core.protocol import Action, Level, OnTimeout


class Same(Mapping[Question, Past]):
    """A history with the same answer to every question."""

    def __init__(self, past: Past) -> None:
        self.past = past

    def __getitem__(self, question: Question) -> Past:
        return self.past

    def __iter__(self) -> Iterator[Question]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"Same({self.past})"


TOOLS = ("read", "write", "pay")
KEYS = ("a", "b")
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "x", "xy", "1"]), st.sampled_from([0.5, 1.0])
)
JSON = st.recursive(
    SCALARS | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2),
    max_leaves=6,
)

numbers = st.one_of(st.integers(-3, 3), st.sampled_from([Decimal("0.5"), Decimal("1.0")]))
texts = st.sampled_from(["x", "y", ("x", "1")])
plain_operands = st.one_of(st.booleans(), numbers, st.sampled_from(["x", "1"]))
leaves = st.one_of(
    st.builds(Test, st.sampled_from([Op.ABOVE, Op.AT_LEAST, Op.BELOW, Op.AT_MOST]), numbers),
    st.builds(Test, st.sampled_from([Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS]), texts),
    st.builds(Test, st.sampled_from([Op.MATCHES, Op.FINDS]), st.sampled_from(["x.*", "[0-9]"])),
    st.builds(Test, st.sampled_from([Op.EQUALS, Op.HAS_ITEM]), plain_operands),
    st.builds(Test, st.just(Op.ONE_OF), st.tuples(plain_operands, plain_operands)),
    st.builds(Test, st.just(Op.EXISTS), st.booleans()),
    st.builds(Test, st.just(Op.TYPE), st.sampled_from(Type)),
)
inner_leaves = leaves.filter(lambda test: test.op is not Op.EXISTS)
nested = st.builds(Test, st.sampled_from([Op.EVERY, Op.SOME]), st.tuples(inner_leaves))
tests = st.lists(leaves | nested, min_size=1, max_size=2, unique_by=lambda test: test.op).map(tuple)
paths = st.sampled_from([("a",), ("b",), ("a", "b"), ("a", "0")])
subjects = st.one_of(st.builds(Argument, paths), st.builds(ContextValue, paths))
sure = st.builds(Where, st.just(Confidence()), st.just((Test(Op.AT_LEAST, Decimal("0.5")),)))
windows = st.just(During(start=time(9), end=time(17), zone="Europe/Berlin", weekdays=(0, 1, 2)))
per = st.sampled_from([(), ("run",), ("agent", "tool"), ("user",), (Argument(("a",)),), (ContextValue(("b",)),)])
limits = st.builds(Test, st.sampled_from([Op.ABOVE, Op.AT_LEAST, Op.BELOW, Op.AT_MOST]), numbers).map(
    lambda test: (test,)
)
spans = st.sampled_from([timedelta(hours=1), timedelta(days=7)])
looks = st.one_of(
    st.builds(Where, st.builds(Budget, st.sampled_from([("a",), ("a", "b")]), spans, per), limits),
    st.builds(Where, st.builds(Rate, spans, per), limits),
    st.builds(Novel, st.sampled_from([("a",), ("b",)]), st.none() | spans, per),
)
calendars = st.builds(
    OnDays,
    st.just("off"),
    st.sampled_from(["UTC", "Asia/Tokyo"]),
    st.frozensets(st.dates(), min_size=1, max_size=2),
    st.just(((date(2000, 1, 1), date(2020, 12, 31)),)),
    st.just(frozenset({(12, 25)})),
)
wheres = st.builds(Where, subjects, tests.filter(lambda tests: not list(problems_of_tests(tests))))
conditions: st.SearchStrategy[Condition] = st.recursive(
    wheres | sure | windows | looks | calendars,
    lambda inner: st.one_of(
        st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=4,
)

names = st.sampled_from([*TOOLS, Glob("*"), Glob("r*"), Glob("?a?"), Glob("*y"), Glob("*e*d"), Glob("pay*")])
matches = st.builds(
    Match,
    tool=st.just((Glob("*"),)) | st.lists(names, min_size=1, max_size=2).map(tuple),
    agent=st.sampled_from([(), (), (), ("clerk",), (Glob("c*"), "boss")]),
    environment=st.sampled_from([(), (), (), ("prod",)]),
    tags=st.sampled_from([(), (), (), ("pii",)]),
    reversible=st.sampled_from([None, None, None, True, False]),
)
matches_of_any_tool = st.builds(replace, matches, tool=st.just(()))
shapes = st.builds(
    Shape,
    tool=st.sampled_from([*TOOLS, "", "y", "other"]),
    agent=st.sampled_from([None, "clerk", "boss"]),
    backend=st.just("plain"),
    environment=st.sampled_from([None, "prod"]),
    risk=st.none(),
    reversible=st.booleans(),
    tags=st.sampled_from([frozenset(), frozenset({"pii", "x"})]),
)
# Often the same question, and often without an answer: that is where rules meet.
small = st.just(Where(Argument(("a",)), (Test(Op.AT_MOST, 1),)))
questions = st.sampled_from([None, argument("a", at_most=1), argument("a", above=1), argument("b", at_most=1)])
whens = st.one_of(st.none(), small, small, conditions)
LEVELS = st.sampled_from(Level)


@st.composite
def rules(draw: st.DrawFn, rule_id: str = "r") -> Rule:
    """One rule without problems: a level or a denial, sometimes a written exception."""
    match, when = draw(matches), draw(whens)
    if draw(st.integers(0, 4)) == 0:
        return Rule(id=rule_id, why="Denied.", match=match, when=when, effect="deny")
    level = draw(LEVELS)
    low = level.rank < Level.CONFIRM.rank and match.reversible is not True
    exception = draw(st.sampled_from(["", "Because."])) if low else ""
    return Rule(id=rule_id, why="Ruled.", match=match, when=when, level=level, allow_irreversible=exception)


@st.composite
def rule_lists(draw: st.DrawFn, most: int = 5) -> list[Rule]:
    """Some rules, each with its own id."""
    return [draw(rules(rule_id=f"r{number}")) for number in range(draw(st.integers(0, most)))]


@st.composite
def crowds(draw: st.DrawFn) -> list[Rule]:
    """Rules that are all about one tool, so that precedence has something to do."""
    count = draw(st.integers(1, 4))
    return [
        replace(draw(rules(rule_id=f"r{n}")), match=Match(tool=("pay",)), when=draw(questions)) for n in range(count)
    ]


defaults = st.sampled_from(
    [
        Defaults(),
        Defaults(level=Level.AUTONOMOUS, allow_unmatched=True),
        Defaults(level=Level.HUMAN_LEADS, deadline=timedelta(hours=1), on_timeout=OnTimeout.CANCEL_RUN),
    ]
)
arguments = st.one_of(
    st.just({}),
    st.sampled_from([{"a": 0}, {"a": 2}, {"a": "0"}]),
    st.dictionaries(st.sampled_from([*KEYS, "c"]), JSON, max_size=3),
)
actions = st.builds(Action.model_construct, tool=st.sampled_from([*TOOLS, "other"]), arguments=arguments)
payments = st.builds(
    Action.model_construct,
    tool=st.just("pay"),
    arguments=st.sampled_from([{}, {"a": 0}, {"a": 2}, {"a": 0, "b": 0}, {"a": 2, "b": 2}, {"a": "0", "b": 0}]),
)
facts = st.builds(
    Facts,
    now=st.datetimes(timezones=st.just(UTC)),
    environment=st.sampled_from([None, "prod", "test"]),
    agent=st.sampled_from([None, "clerk", "boss"]),
    tags=st.sampled_from([(), ("pii",), frozenset({"pii", "x"})]),
    reversible=st.sampled_from([True, True, False, None]),
    confidence=st.sampled_from([None, 0.2, 0.9, 7.0]),
    context=arguments,
    run=st.sampled_from([None, "r1"]),
    started_by=st.sampled_from([None, "ann"]),
    history=st.sampled_from([{}, Same(Past()), Same(Past(2, Decimal(3))), Same(Past(99, Decimal(1000)))]),
)

"""Several people, one decision: who is asked, who has agreed, who is missing. Values in, values out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_core.protocol import Approvers, Escalation, PauseRequest, Response, Stage
from hitl_core.quorum import asked_at, asked_now, needs_several, people, standing
from hitl_core.testing.clock import START
from tests.core import desk

LEAD, FINANCE = Stage(roles=("lead",), quorum=2), Stage(users=("fay",), roles=("finance",))
STAGED = Approvers(stages=(LEAD, FINANCE))
LESS = {"order": "A-1042", "amount": 9.5}


def votes(request: PauseRequest, *names: str) -> list[Response]:
    """Approvals by these people; `mia/lead` has that role."""
    return [vote(request, name) for name in names]


def vote(request: PauseRequest, name: str, decision: str = "approve", *fields: Any) -> Response:
    who, _, role = name.partition("/")
    made: Response = getattr(request, decision)(*fields, by=who, roles=(role,) if role else ())
    return made


@pytest.mark.parametrize(
    ("approvers", "names", "missing"),
    [
        (Approvers(), (), "any one person"),
        (Approvers(), ("ann",), ""),
        (Approvers(quorum=2), ("ann",), "any one person"),
        (Approvers(quorum=2), ("ann", "ann"), "any one person"),
        (Approvers(quorum=2), ("ann", "bob"), ""),
        (Approvers(users=("ann",), roles=("lead",), quorum=3), ("ann",), "2 of user ann or role lead"),
        (STAGED, (), "2 of role lead, then 1 of user fay or role finance"),
        (STAGED, ("mia/lead",), "1 of role lead, then 1 of user fay or role finance"),
        (STAGED, ("mia/lead", "ben/lead"), "1 of user fay or role finance"),
        (STAGED, ("mia/lead", "ben/lead", "mia/finance"), "1 of user fay or role finance"),
        (STAGED, ("mia/lead", "ben/lead", "fay"), ""),
        (STAGED, ("mia/lead", "ben/lead", "fay", "kim/finance"), ""),
    ],
)
def test_who_is_missing(approvers: Approvers, names: tuple[str, ...], missing: str) -> None:
    assert standing(approvers, votes(desk.request(), *names)).missing == missing
    assert standing(approvers, votes(desk.request(), *names), judged=False).missing == missing


def test_votes_that_were_not_judged_count_for_those_who_are_asked_only() -> None:
    given_before = votes(desk.request(), "fay", "mia/lead", "kim/finance", "ben/lead", "mia/lead")
    found = standing(STAGED, given_before, judged=False)
    assert (found.agreed, found.now) == ((("mia", "ben"), ()), FINANCE)


def test_everybody_who_agreed_is_named_in_order() -> None:
    found = standing(STAGED, votes(desk.request(), "mia/lead", "ben/lead", "fay"))
    assert (found.voters, found.now) == (("mia", "ben", "fay"), None)


@given(st.lists(st.sampled_from("abcdef"), max_size=12), st.integers(1, 4), st.integers(1, 3))
def test_enough_people_are_enough_and_fewer_never(names: list[str], first: int, second: int) -> None:
    approvers = Approvers(stages=(Stage(roles=("x",), quorum=first), Stage(roles=("y",), quorum=second)))
    found = standing(approvers, votes(desk.request(), *names))
    distinct = list(dict.fromkeys(names))
    assert (found.now is None) == (len(distinct) >= first + second)
    assert list(found.voters) == distinct[: first + second]


def test_one_person_is_enough_unless_more_is_said() -> None:
    assert not needs_several(Approvers(users=("ann", "bob")))
    assert all(map(needs_several, (Approvers(quorum=2), STAGED, Approvers(separate_from=("mail",)))))
    assert people(Stage()) == "anybody"


# ── who is asked now ─────────────────────────────────────────────────────────────────────────────────────────


def test_who_is_asked_moves_with_the_votes_and_starts_anew_for_something_else() -> None:
    request = desk.request(approvers=STAGED)
    agreed = votes(request, "mia/lead", "ben/lead")
    assert asked_now(request, agreed[:1], vote(request, "x"), START) == LEAD
    assert asked_now(request, agreed, vote(request, "x"), START) == FINANCE
    assert asked_now(request, agreed, vote(request, "x", "edit", LESS), START) == LEAD
    assert asked_now(request, agreed, vote(request, "x", "edit", dict(desk.REFUND.arguments)), START) == FINANCE
    assert asked_now(request, agreed, vote(request, "x", "reject"), START) == FINANCE
    assert asked_now(request, [*agreed, *votes(request, "fay")], vote(request, "x"), START) == FINANCE


def test_answers_agree_if_they_say_the_same() -> None:
    request = desk.request(approvers=STAGED)
    said = [vote(request, "mia/lead", "answer", "yes"), vote(request, "ben/lead", "answer", "yes")]
    assert asked_now(request, said, vote(request, "x", "answer", "yes"), START) == FINANCE
    assert asked_now(request, said, vote(request, "x", "answer", "no"), START) == LEAD


def steps(*after: float, instead: bool = False) -> tuple[Escalation, ...]:
    return tuple(Escalation(after_seconds=each, users=(f"u{each:g}",), instead=instead) for each in after)


@pytest.mark.parametrize(
    ("seconds", "instead", "users"),
    [
        (59, False, ("ann",)),
        (60, False, ("ann", "u60")),
        (120, False, ("ann", "u60", "u120")),
        (59, True, ("ann",)),
        (60, True, ("u60",)),
        (999, True, ("u120",)),
    ],
)
def test_escalation_adds_or_replaces_people_at_its_time(seconds: float, instead: bool, users: tuple[str, ...]) -> None:
    request = desk.request(approvers=Approvers(users=("ann",), quorum=2), escalation=steps(60, 120, instead=instead))
    asked = asked_at(request, (), START + timedelta(seconds=seconds))
    assert (asked.users, asked.quorum) == (users, 2)


def test_escalation_reaches_every_stage_and_leaves_anybody_as_they_are() -> None:
    later = START + timedelta(hours=1)
    staged = asked_at(desk.request(approvers=STAGED, escalation=steps(60)), (), later)
    assert [stage.users for stage in staged.stages] == [("u60",), ("fay", "u60")]
    assert asked_at(desk.request(escalation=steps(60)), (), later) == Approvers()
    assert asked_at(desk.request(escalation=steps(60, instead=True)), (), later).users == ("u60",)

"""Who is told: those whose turn it is, who stands in for them, and nobody twice."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from hitl_core.channels.messages.audience import audience
from hitl_core.commands import Settled
from hitl_core.lifecycle import RequestState
from hitl_core.people import PeopleFile, Person
from hitl_core.protocol import Approvers, Escalation, Stage
from hitl_core.testing.clock import START
from tests.core import desk

PEOPLE = """
[people.ann]
roles = ["lead"]
[people.bob]
roles = ["lead", "finance"]
away = [{ from = 2026-01-01, until = 2026-02-01 }]
delegate = "cyd"
[people.cyd]
[people.dan]
roles = ["finance"]
tenant = "other"
[people.eve]
roles = ["boss"]
"""


@pytest.fixture
def people(tmp_path: Path) -> PeopleFile:
    path = tmp_path / "people.toml"
    path.write_text(PEOPLE, encoding="utf-8")
    return PeopleFile(path)


def asking(approvers: Approvers, *votes: str, minutes: float = 0, escalation: tuple[Escalation, ...] = ()) -> Settled:
    request = desk.request(approvers=approvers, escalation=escalation)
    said = tuple(desk.response(request, {"type": "approve"}, by=who) for who in votes)
    return Settled(request, RequestState.OPEN, votes=said)


async def told(
    people: PeopleFile, settled: Settled, *, minutes: float = 0, otherwise: tuple[str, ...] = ()
) -> list[str]:
    now = START + timedelta(minutes=minutes)
    found = await audience(people, settled, tenant="default", otherwise=otherwise, now=now)
    return [person.id for person in found]


async def test_those_who_are_named_and_those_of_the_roles(people: PeopleFile) -> None:
    assert await told(people, asking(Approvers(users=("eve", "nobody"), roles=("lead",)))) == ["eve", "ann", "cyd"]


async def test_who_stands_in_is_told_once(people: PeopleFile) -> None:
    assert await told(people, asking(Approvers(users=("bob", "cyd")))) == ["cyd"]


async def test_nobody_of_another_tenant(people: PeopleFile) -> None:
    assert await told(people, asking(Approvers(roles=("finance",)))) == ["cyd"]


async def test_one_stage_after_the_other(people: PeopleFile) -> None:
    staged = Approvers(stages=(Stage(roles=("lead",)), Stage(users=("eve",))))
    assert await told(people, asking(staged)) == ["ann", "cyd"]
    assert await told(people, asking(staged, "ann")) == ["eve"]
    assert await told(people, asking(staged, "ann", "eve")) == []


async def test_who_has_voted_is_not_told_again(people: PeopleFile) -> None:
    assert await told(people, asking(Approvers(roles=("lead",), quorum=2), "ann")) == ["cyd"]


async def test_whom_an_escalation_adds_is_told_from_then_on(people: PeopleFile) -> None:
    step = Escalation(after_seconds=600, users=("eve",))
    settled = asking(Approvers(users=("ann",)), escalation=(step,))
    assert await told(people, settled, minutes=9) == ["ann"]
    assert await told(people, settled, minutes=10) == ["ann", "eve"]


async def test_where_nobody_is_named_the_route_says_who(people: PeopleFile) -> None:
    assert await told(people, asking(Approvers())) == []
    assert await told(people, asking(Approvers()), otherwise=("boss",)) == ["eve"]


class Failing(PeopleFile):
    async def members(self, role: str) -> tuple[Person, ...]:
        raise OSError("no network")


async def test_a_directory_that_fails_names_nobody(people: PeopleFile, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "hitl_core"):
        assert await told(Failing(people.path), asking(Approvers(roles=("lead",)))) == []
    assert "cannot say whom to tell about request-1" in caplog.text

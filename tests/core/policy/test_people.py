"""Who decides, how many, in which order, and who is asked later: what a policy may say of it, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hitl_core.errors import PolicyInvalid
from hitl_core.policy import Policy

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
HEAD = '[[rules]]\nid = "a"\nwhy = "x"\nmatch = { tool = "pay" }\n'


def refused(text: str) -> list[str]:
    with pytest.raises(PolicyInvalid) as caught:
        Policy.from_toml(text, name="p")
    return [str(fault).partition("rules[0].")[2] for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("approvers", "fault"),
    [
        ('{ users = ["ann"], quorum = 2 }', "approvers.quorum: is 2, but only 1 may decide"),
        ('{ users = ["ann", "ann"], quorum = 2 }', "approvers.quorum: is 2, but only 1 may decide"),
        (
            '{ roles = ["lead"], stages = [{ roles = ["x"] }] }',
            "approvers.stages: say who decides, each for itself; take users, roles and quorum beside them away",
        ),
        (
            "{ stages = [{ quorum = 2 }] }",
            "approvers.stages[0]: names nobody; say which users or roles decide at this stage",
        ),
        (
            '{ stages = [{ roles = ["x"] }, { users = ["a"], quorum = 3 }] }',
            "approvers.stages[1].quorum: is 3, but only 1 may decide",
        ),
    ],
)
def test_people_who_can_never_agree(approvers: str, fault: str) -> None:
    assert fault in refused(f'{HEAD}level = "confirm"\napprovers = {approvers}\n')


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ('remind = ["2h", "1h"]', "remind: must be in order of time, each moment once"),
        ('remind = ["1h", "1h"]', "remind: must be in order of time, each moment once"),
        ('remind = "1h"\ndeadline = "1h"', "remind: comes when the deadline has passed"),
        (
            'escalate = [{ after = "2h", users = ["b"] }]\ndeadline = "1h"',
            "escalate: comes when the deadline has passed",
        ),
        ('escalate = [{ after = "2h" }]', "escalate[0]: names nobody; say which users or roles are asked"),
    ],
)
def test_reminders_that_mean_nothing(more: str, fault: str) -> None:
    assert any(found.startswith(fault) for found in refused(f'{HEAD}level = "confirm"\n{more}\n'))


@pytest.mark.parametrize("key", ['remind = "1h"', 'escalate = [{ after = "2h", users = ["b"] }]', "batch = true"])
def test_what_is_said_of_a_question_that_is_never_asked(key: str) -> None:
    text = f'{HEAD}level = "autonomous"\nallow_irreversible = "x"\n{key}\n'
    assert f'{key.split()[0]}: has no effect with level = "autonomous": nobody is asked' in refused(text)


def test_the_defaults_are_looked_at_too() -> None:
    with pytest.raises(PolicyInvalid, match=r"defaults\.remind: comes when the deadline has passed"):
        Policy.from_toml('[defaults]\ndeadline = "1h"\nremind = "2h"\n')

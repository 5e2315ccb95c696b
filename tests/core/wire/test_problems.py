"""Errors travel as problems and come back as the same class with the same faults; each has one status."""

from __future__ import annotations

import inspect
import json

import pytest
from pydantic import ValidationError

from hitl_core import errors
from hitl_core.errors import (
    CapabilityNotSupported,
    Fault,
    FaultyError,
    HitlError,
    NotPermitted,
    NotSignedIn,
    NotUnderstood,
    PolicyInvalid,
    Stopped,
    StoreUnavailable,
    StoreUnfinished,
    TooLarge,
)
from hitl_core.lifecycle import IllegalMove
from hitl_core.policy import Policy
from hitl_core.wire import (
    BLANK,
    STATUS,
    FaultForm,
    Problem,
    error_of,
    plain_problem,
    problem_of,
    status_of,
    validation_faults,
)
from tests.tree.source import ROOT

CLASSES = [each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, HitlError)]
KINDS: list[type[HitlError]] = [*(each for each in CLASSES if each is not FaultyError), IllegalMove]
FAULTS = (Fault("arguments.amount", "must be at most 500"), Fault("", "is late"))


def made(kind: type[HitlError]) -> HitlError:
    if kind is CapabilityNotSupported:
        return CapabilityNotSupported("plain", "drain", "no loop")
    if kind is StoreUnfinished:
        return StoreUnfinished("not all", "sqlite:///old.db")
    return kind(FAULTS) if issubclass(kind, FaultyError) else kind("what, why, next")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_comes_back_as_it_was(kind: type[HitlError]) -> None:
    before = made(kind)
    after = error_of(Problem.model_validate_json(problem_of(before).model_dump_json()))
    assert (type(after), str(after), after.__dict__) == (kind, str(before), before.__dict__)


def test_there_is_a_status_for_every_code_and_for_nothing_else() -> None:
    assert STATUS.keys() == {kind.code for kind in KINDS}
    assert all(status >= 400 for status in STATUS.values())


def test_an_error_of_somebody_else_is_ours_to_answer_for() -> None:
    class Odd(HitlError):
        code = "HITL-X99"

    assert status_of(Odd("?")) == 500
    assert type(error_of(problem_of(Odd("?")))) is HitlError


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_type_of_a_problem_is_an_anchor_of_the_page(kind: type[HitlError]) -> None:
    page, _, anchor = problem_of(made(kind)).type.partition("#")
    headings = [line for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert anchor in [heading.lstrip("# ").lower() for heading in headings]


def test_what_stops_something_is_named() -> None:
    before = Stopped("no")
    before.scope, before.target = "tool", "refund"
    after = error_of(problem_of(before))
    assert isinstance(after, Stopped)
    assert (after.scope, after.target) == ("tool", "refund")


def test_a_fault_in_a_policy_keeps_its_line() -> None:
    with pytest.raises(PolicyInvalid) as refused:
        Policy.from_toml('[[rules]]\nid = "a"\nlevle = "confirm"\n', name="sent.toml")
    after = error_of(Problem.model_validate_json(problem_of(refused.value).model_dump_json()))
    assert isinstance(after, PolicyInvalid)
    assert after.faults == refused.value.faults
    assert "sent.toml:3" in str(after)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, NotSignedIn),
        (403, NotPermitted),
        (404, NotUnderstood),
        (413, TooLarge),
        (429, StoreUnavailable),
        (500, HitlError),
        (503, StoreUnavailable),
    ],
)
def test_a_problem_without_a_code_is_told_by_its_status(status: int, kind: type[HitlError]) -> None:
    problem = plain_problem(status, "as the server says")
    assert problem.type == BLANK
    error = error_of(problem)
    assert type(error) is kind
    assert "as the server says" in str(error)


def test_faults_of_a_problem_without_a_code_are_kept() -> None:
    problem = Problem(title="Bad", status=400, faults=(FaultForm(path="limit", problem="is too large"),))
    error = error_of(problem)
    assert isinstance(error, NotUnderstood)
    assert error.faults == (Fault("limit", "is too large"),)


def test_what_pydantic_finds_wrong_is_said_with_its_place() -> None:
    with pytest.raises(ValidationError) as found:
        Problem.model_validate({"title": 1, "status": 200})
    faults = validation_faults(found.value.errors())
    assert [fault.path for fault in faults] == ["title", "status"]
    assert faults[1].problem == "Input should be greater than or equal to 400"
    assert [fault.path for fault in validation_faults(found.value.errors(), below=1)] == ["", ""]


def test_a_problem_is_what_rfc_9457_says() -> None:
    told = json.loads(problem_of(NotUnderstood(FAULTS)).model_dump_json())
    assert told["type"] == "docs/errors.md#hitl-r06"
    assert told["status"] == 400
    assert told["title"].startswith("A call of the HTTP API is not as it has to be")
    assert [fault["path"] for fault in told["faults"]] == ["arguments.amount", ""]

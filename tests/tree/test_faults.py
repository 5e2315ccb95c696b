"""Every scenario of tests/faults has a test, and every test is of a scenario that there is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.faults.scenarios import NOT_YET, SCENARIOS
from tests.tree.source import ROOT, parsed, python_files

# What the frame itself is tried by; the rest is of a scenario.
OF_THE_FRAME = {"test_checker.py"}
FILES = [each for each in python_files(ROOT / "tests" / "faults") if each.name.startswith("test_")]


def marks(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[int]:
    """The numbers in its `@scenario(…)`."""
    for mark in function.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "scenario":
            (number,) = mark.args
            yield ast.literal_eval(number)


def tried() -> dict[str, list[int]]:
    """Every test, by file and name, and its scenarios."""
    return {
        f"{path.name}::{node.name}": list(marks(node))
        for path in FILES
        for node in parsed(path).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def test_there_are_52() -> None:
    assert list(SCENARIOS) == list(range(1, 53))


@pytest.mark.parametrize("number", SCENARIOS)
def test_every_scenario_has_a_test(number: int) -> None:
    has_one = any(number in marked for marked in tried().values())
    assert has_one or number in NOT_YET, SCENARIOS[number]
    assert not (has_one and number in NOT_YET), "it has one now: take it off the list"


def test_every_test_is_of_a_scenario_that_there_is() -> None:
    own = {name: marked for name, marked in tried().items() if name.partition(":")[0] not in OF_THE_FRAME}
    assert [name for name, marked in own.items() if not marked] == []
    assert {number for marked in own.values() for number in marked} <= SCENARIOS.keys()

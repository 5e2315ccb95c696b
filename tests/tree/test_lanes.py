"""The lanes: every folder of tests runs in one, and every adapter answers for its capabilities in its own."""

from __future__ import annotations

import ast
import re

import pytest

from tests.tree.source import ROOT, parsed
from tests.tree.test_project_file import GROUPS, PROJECT

NOXFILE = parsed(ROOT / "noxfile.py")
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FOLDERS = sorted(path.name for path in (ROOT / "tests").iterdir() if any(path.glob("**/*.py")))
CAPABILITIES = "tests/tree/test_capabilities.py"
FRAMEWORKS = sorted(GROUPS["hitl_core.adapters"].keys() - {"plain"})
ONE_VERSION = {"crewai", "autogen"}
"""Whose newest release is the oldest that pyproject.toml admits: they have no lane of their own for it."""


def lanes() -> list[str]:
    """The names in LANES: what `make test` runs."""
    found = next(node for node in NOXFILE.body if isinstance(node, ast.Assign) and _is_named(node, "LANES"))
    return list(ast.literal_eval(found.value))


def paths_of(lane: str) -> set[str]:
    """The paths below tests/ that the lane's function names."""
    function = next(node for node in NOXFILE.body if isinstance(node, ast.FunctionDef) and node.name == lane)
    words = (node.value for node in ast.walk(function) if isinstance(node, ast.Constant))
    return {str(word) for word in words if str(word).startswith("tests/")}


def extras_of(lane: str) -> set[str]:
    """The extras that the lane's function installs."""
    function = next(node for node in NOXFILE.body if isinstance(node, ast.FunctionDef) and node.name == lane)
    words = [node for node in ast.walk(function) if isinstance(node, ast.keyword) and node.arg == "extras"]
    return {extra for word in words for extra in str(ast.literal_eval(word.value)).split(",")}


def _is_named(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_of_tests_runs_in_a_lane(folder: str) -> None:
    named = set().union(*map(paths_of, lanes()))
    whole = {f"tests/{folder}"} | ({f"tests/{folder}/smoke.py"} if folder == "wheel" else set())
    assert named & whole, f"no lane in noxfile.py runs tests/{folder}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_of_tests_stands_in_contributing(folder: str) -> None:
    assert f"`tests/{folder}`" in PAGE


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_adapter_answers_for_its_capabilities_in_its_own_lane(name: str) -> None:
    assert name in lanes()
    assert CAPABILITIES in paths_of(name)


def test_all_of_them_are_together_in_one_lane_and_behind_the_pages() -> None:
    assert {lane for lane in lanes() if set(FRAMEWORKS) <= extras_of(lane)} == {"together", "copilotkit"}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_promise_is_tried_on_the_newest_and_on_the_oldest(name: str) -> None:
    assert (ROOT / "tests" / name / "test_conformance.py").exists()
    assert f"tests/{name}" in paths_of(name)
    if name not in ONE_VERSION:
        assert f"tests/{name}" in paths_of(f"{name}_lowest")


@pytest.mark.parametrize("name", sorted(ONE_VERSION))
def test_one_version_is_one_version(name: str) -> None:
    """The pin of the lane is the lower bound of the extra."""
    asked = [line for line in PROJECT["optional-dependencies"][name] if "==" in line or ">=" in line]
    pins = (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    lowest = {re.sub(r"\[.*?\]", "", line.partition(",")[0]).replace(">=", "==") for line in asked}
    assert lowest <= set(pins), "its newest has moved on: give it a lane for its oldest"


@pytest.mark.parametrize("lane", lanes())
def test_every_lane_stands_in_contributing(lane: str) -> None:
    assert f"| `{lane}` |" in PAGE

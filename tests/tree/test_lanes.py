"""The lanes: every folder of tests runs in one, and every adapter answers for its capabilities in its own."""

from __future__ import annotations

import ast

import pytest

from tests.tree.source import ROOT, parsed
from tests.tree.test_project_file import GROUPS

NOXFILE = parsed(ROOT / "noxfile.py")
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FOLDERS = sorted(path.name for path in (ROOT / "tests").iterdir() if any(path.glob("**/*.py")))
CAPABILITIES = "tests/tree/test_capabilities.py"


def lanes() -> list[str]:
    """The names in LANES: what `make test` runs."""
    found = next(node for node in NOXFILE.body if isinstance(node, ast.Assign) and _is_named(node, "LANES"))
    return list(ast.literal_eval(found.value))


def paths_of(lane: str) -> set[str]:
    """The paths below tests/ that the lane's function names."""
    function = next(node for node in NOXFILE.body if isinstance(node, ast.FunctionDef) and node.name == lane)
    words = (node.value for node in ast.walk(function) if isinstance(node, ast.Constant))
    return {str(word) for word in words if str(word).startswith("tests/")}


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


@pytest.mark.parametrize("name", sorted(GROUPS["hitl_core.adapters"].keys() - {"plain"}))
def test_every_adapter_answers_for_its_capabilities_in_its_own_lane(name: str) -> None:
    assert name in lanes()
    assert CAPABILITIES in paths_of(name)

"""Opening one adapter is knowing all: the same rooms in each, and arrows that point one way."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.tree.source import ADAPTERS, Import, imports, module_name, parsed, python_files

ROOMS = ("errors", "mapping", "suspend", "gating", "building", "adapter")
"""From the bottom to the top: a room imports only rooms before it. Each is a file or a folder of that name."""
MAY_BE_THERE = {"kit"}
FOLDERS = sorted(path.parent for path in ADAPTERS.glob("*/adapter.py"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_an_adapter_has_exactly_these_rooms(folder: Path) -> None:
    there = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    wanted = {"__init__", *ROOMS} if _builds_specs(folder) else {"__init__", *ROOMS} - {"building"}
    assert there - MAY_BE_THERE == wanted


def _builds_specs(folder: Path) -> bool:
    """Whether NEUTRAL_SPEC is declared as anything but absent; read, since the framework may not be installed."""
    for node in ast.walk(parsed(folder / "adapter.py")):
        pairs = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
        for key, value in pairs:
            if isinstance(key, ast.Attribute) and key.attr == "NEUTRAL_SPEC":
                return not ast.unparse(value).startswith("absent(")
    raise AssertionError(f"{folder.name} does not answer for NEUTRAL_SPEC")


PACKAGES = sorted(door.parent for folder in FOLDERS for door in folder.rglob("*/__init__.py"))
"""Rooms that are folders, and the rooms inside them."""


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(ADAPTERS)))
def test_a_door_says_where_everything_in_the_room_is(package: Path) -> None:
    there = {path.stem for path in package.glob("*.py")} | {door.parent.name for door in package.glob("*/__init__.py")}
    words = set(re.findall(r"\w+", ast.get_docstring(parsed(package / "__init__.py")) or ""))
    assert there - {"__init__"} - words == set()


WORDS = (
    ("errors", "in_words"),
    ("suspend", "Current"),
    ("suspend", "Kept"),
    ("adapter", "CAPABILITIES"),
    ("kit", "Kit"),
)
"""What each has, and where: the same word means the same thing in all of them."""


@pytest.mark.parametrize(("room", "word"), WORDS)
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_same_word_stands_in_the_same_room(folder: Path, room: str, word: str) -> None:
    there = [path for path in python_files(folder) if _room(module_name(path), folder.name) == room]
    assert [path.name for path in there if word in _defined(path)], f"nothing in {room} of {folder.name} defines {word}"


def _defined(path: Path) -> set[str]:
    kinds = (ast.ClassDef, ast.FunctionDef)
    named = {node.name for node in parsed(path).body if isinstance(node, kinds)}
    return named | {ast.unparse(node.target) for node in parsed(path).body if isinstance(node, ast.AnnAssign)}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_arrow_inside_an_adapter_points_up(folder: Path) -> None:
    wrong = [found.place for path in python_files(folder) for found in imports(path) if _points_up(found, folder.name)]
    assert not wrong, f"errors ← mapping ← suspend ← gating ← building ← adapter: {wrong}"


def _points_up(found: Import, family: str) -> bool:
    here, there = _room(module_name(found.path), family), _room(found.module, family)
    return here in ROOMS and there in ROOMS and ROOMS.index(there) > ROOMS.index(here)


def _room(module: str, family: str) -> str:
    below = module.removeprefix(f"hitl_adapters.{family}.")
    return "" if below == module else below.partition(".")[0]


@pytest.mark.parametrize("path", python_files(*FOLDERS), ids=lambda path: path.relative_to(ADAPTERS).as_posix())
def test_the_first_line_of_a_file_says_what_it_is(path: Path) -> None:
    first = (ast.get_docstring(parsed(path)) or "").partition("\n")[0]
    assert len(first.split()) >= 5, f"{path.name} begins with {first!r}"

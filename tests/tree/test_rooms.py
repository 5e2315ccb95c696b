"""Inside the larger packages: rooms with one purpose each, arrows one way, and every visit through the front door."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.tree.source import CORE, Import, imports, module_name, parsed, python_files

# A room imports only rooms that stand before it. Files beside the rooms put them together, and may open them all.
ROOMS = {
    CORE / "policy": ("rules", "checking", "file", "deciding", "replaying", "linting"),
    CORE / "stores" / "sql": ("tables", "commands", "answers", "erasing", "reading", "waking", "upkeep"),
    CORE / "stores" / "sqlite": ("file", "engine"),
    CORE / "stores" / "postgres": ("server", "engine"),
}
MOST_FILES = 18

ALL = [(package, room) for package, rooms in ROOMS.items() for room in rooms]
by_room = pytest.mark.parametrize(("package", "room"), ALL, ids=lambda value: getattr(value, "name", value))


@pytest.mark.parametrize("package", ROOMS, ids=lambda package: package.name)
def test_every_folder_is_a_known_room(package: Path) -> None:
    assert {path.parent.name for path in package.glob("*/__init__.py")} == set(ROOMS[package])


@by_room
def test_a_room_can_be_looked_over(package: Path, room: str) -> None:
    assert len(list((package / room).rglob("*.py"))) <= MOST_FILES


@by_room
def test_a_door_says_what_the_room_is_for_and_what_others_may_use(package: Path, room: str) -> None:
    door = parsed(package / room / "__init__.py")
    listed = [node for node in door.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
    assert ast.get_docstring(door)
    assert listed


@by_room
def test_arrows_between_rooms_point_one_way_and_through_the_door(package: Path, room: str) -> None:
    rooms = ROOMS[package]
    open_to_it = rooms[: rooms.index(room)]
    faults = [
        f"{found.place}: {room} imports {found.module}"
        for found, there in _between_rooms(package, room)
        if there != room and (there not in open_to_it or found.module.count(".") > _depth(package) + 1)
    ]
    assert not faults, "\n".join(faults)


def _between_rooms(package: Path, room: str) -> list[tuple[Import, str]]:
    """What the files of a room import from the rooms of its package."""
    home = module_name(package / "__init__.py") + "."
    found = [found for path in python_files(package / room) for found in imports(path)]
    return [(one, one.module.removeprefix(home).split(".")[0]) for one in found if one.module.startswith(home)]


def _depth(package: Path) -> int:
    return module_name(package / "__init__.py").count(".")

"""What tests import from each other is there, also in the folders that another lane runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tree.source import ROOT, parsed, python_files


@pytest.mark.parametrize("path", python_files(ROOT / "tests"), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_support_file_has_what_is_imported_from_it(path: Path) -> None:
    gone = [name for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom) for name in _gone(node, path)]
    assert not gone, f"moved or deleted: {gone}"


def _gone(statement: ast.ImportFrom, path: Path) -> Iterator[str]:
    place = _place(statement, path)
    if place is None:
        return
    known = _names(place.with_suffix(".py")) | {each.stem for each in place.glob("*")}
    yield from (f"{place.relative_to(ROOT)}: {alias.name}" for alias in statement.names if alias.name not in known)


def _place(statement: ast.ImportFrom, path: Path) -> Path | None:
    """The file or folder that is imported from, None if it is not one of the tests'."""
    parts = (statement.module or "").split(".")
    if statement.level:
        return path.parents[statement.level - 1].joinpath(*parts)
    return ROOT.joinpath(*parts) if parts[0] == "tests" else None


def _names(path: Path) -> set[str]:
    """What a file defines, assigns or imports at its top."""
    top = parsed(path).body if path.is_file() else []
    names = {
        alias.asname or alias.name
        for node in top
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
    }
    return names | {found for node in top for found in _defined(node)}


def _defined(node: ast.stmt) -> set[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign() | ast.AnnAssign() | ast.If() | ast.Try():
            return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        case _:
            return set()

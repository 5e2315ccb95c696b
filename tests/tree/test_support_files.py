"""What tests import from each other is there, also in the folders that another lane runs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.tree.source import ROOT, parsed, python_files


@pytest.mark.parametrize("path", python_files(ROOT / "tests"), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_support_file_is_there(path: Path) -> None:
    statements = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.ImportFrom)]
    wanted = [where for each in statements if (where := _place(each, path)) is not None]
    gone = [where for where in wanted if not where.with_suffix(".py").is_file() and not where.is_dir()]
    assert not gone, f"moved or deleted: {[where.relative_to(ROOT).as_posix() for where in gone]}"


def _place(statement: ast.ImportFrom, path: Path) -> Path | None:
    """The file or folder that is imported from, None if it is not one of the tests'."""
    parts = (statement.module or "").split(".")
    if statement.level:
        return path.parents[statement.level - 1].joinpath(*parts)
    return ROOT.joinpath(*parts) if parts[0] == "tests" else None

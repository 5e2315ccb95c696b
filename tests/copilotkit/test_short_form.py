"""The stories that the short form tries are there, under these names: one that was renamed would be left out unseen."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.copilotkit.conftest import ON_EACH_BACKEND


def test_every_story_of_the_short_form_is_one() -> None:
    files = Path(__file__).parent.glob("test_*.py")
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    stories = {node.name for tree in trees for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}
    assert stories >= ON_EACH_BACKEND

"""`docs/errors.md` against the source: every error code has an anchor, and every anchor a class."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

from tests.tree.source import ADAPTERS, CORE, ROOT, parsed, python_files

CODE = re.compile(r"HITL-[A-Z0-9]\d\d")
ANCHOR = re.compile(r"^### (\S+)\n\n`(\w+)`", re.MULTILINE)
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")


def _codes(path: Path) -> list[tuple[str, str]]:
    """Every class of a file that has a code of its own, as (code, class)."""
    classes = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)]
    return [(code, each.name) for each in classes for node in each.body if (code := _code_of(node))]


def _code_of(node: ast.stmt) -> str:
    match node:
        case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))):
            return code
        case ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code))):
            return code
        case _:
            return ""


CLASSES = [found for path in python_files(CORE, ADAPTERS) for found in _codes(path) if CODE.fullmatch(found[0])]
ANCHORS = ANCHOR.findall(PAGE)


def test_every_code_belongs_to_one_class() -> None:
    shared = [code for code, count in Counter(code for code, _ in CLASSES).items() if count > 1]
    assert not shared


def test_every_class_with_a_code_has_an_anchor() -> None:
    missing = sorted(set(CLASSES) - set(ANCHORS))
    assert not missing, f"write what they mean in docs/errors.md: {missing}"


def test_every_anchor_has_a_class() -> None:
    stale = sorted(set(ANCHORS) - set(CLASSES))
    assert not stale, f"docs/errors.md speaks of errors that are gone: {stale}"


def test_every_code_heading_is_an_anchor() -> None:
    headings = re.findall(r"^#+ (HITL-\S+)", PAGE, re.MULTILINE)
    assert headings == [code for code, _ in ANCHORS], "below each code stands the name of its class"


def test_the_tree_in_errors_names_the_same_codes() -> None:
    tree = ast.get_docstring(parsed(CORE / "errors.py")) or ""
    here = {code for code, _ in _codes(CORE / "errors.py")} - {"HITL-000"}
    assert set(CODE.findall(tree)) == here

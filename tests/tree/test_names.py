"""Names and sizes: no grab-bag files, no framework's name in the core, one idea per file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.tree.source import ADAPTERS, CORE, ROOT, parsed, python_files
from tests.tree.test_arrows import FRAMEWORK_PACKAGES

SOURCE = python_files(CORE, ADAPTERS)
GRAB_BAGS = {"util", "utils", "helper", "helpers", "common", "misc", "base", "manager", "managers", "shared"}
FRAMEWORK = re.compile(r"lang_?(graph|chain)|crew_?ai|auto_?gen(?!erat)|openai_?agents", re.IGNORECASE)
MOST_LINES = 400
# A longer file, with the reason why it is still one idea.
LONGER: dict[str, str] = {
    "src/hitl_core/errors.py": "one tree of errors, drawn at its top: in two files it would be two trees",
}


def test_no_grab_bags() -> None:
    bags = [path for path in SOURCE if GRAB_BAGS & {path.stem, path.parent.name}]
    assert not bags, f"name the idea instead: {_shown(bags)}"


def test_one_idea_per_file() -> None:
    long = {str(path.relative_to(ROOT)) for path in SOURCE if _lines(path) > MOST_LINES}
    assert not long - LONGER.keys(), f"over {MOST_LINES} lines: {sorted(long - LONGER.keys())}"
    assert not LONGER.keys() - long, f"short again, take the exception away: {sorted(LONGER.keys() - long)}"


def test_the_core_names_no_framework() -> None:
    named = [place for path in python_files(CORE) for place in _named(path)]
    assert not named, "ask for a capability, never for a backend's name:\n" + "\n".join(named)


def test_an_example_names_only_the_framework_that_it_is_written_in() -> None:
    """Code that is neutral names none; the configuration says which backend it is."""
    neutral = [path for path in python_files(ROOT / "examples") if not _in_a_framework(path)]
    assert [path.name for path in neutral if path.parent.name == "refund_desk"] == ["story.py"]
    named = [place for path in neutral for place in _named(path)]
    assert not named, "ask for a capability, never for a backend's name:\n" + "\n".join(named)


def _in_a_framework(path: Path) -> bool:
    nodes = list(ast.walk(parsed(path)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    packages = set().union(*FRAMEWORK_PACKAGES.values())
    return any(name.split(".")[0] in packages for name in names)


def test_the_shelf_is_not_a_package() -> None:
    assert not (ADAPTERS.parent / "__init__.py").exists(), "`adapters` must not become an import name"


def test_both_packages_are_typed() -> None:
    assert (CORE / "py.typed").exists()
    assert (ADAPTERS / "py.typed").exists()


def _named(path: Path) -> Iterator[str]:
    """Identifiers and strings, docstrings left out, that hold a framework's name."""
    tree = parsed(path)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        for word in _words(node):
            if id(node) not in prose and FRAMEWORK.search(word):
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', '?')}: {word[:80]!r}"


def _words(node: ast.AST) -> list[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.alias(name=name, asname=asname):
            return [name, asname or ""]
        case ast.keyword(arg=str(name)):
            return [name]
        case _:
            return []


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _shown(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]

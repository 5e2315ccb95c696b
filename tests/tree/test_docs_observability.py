"""docs/observability.md has exactly the loggers that the code has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from hitl_core.logs import LOGGERS
from hitl_core.observing.instruments import INSTRUMENTS
from hitl_core.observing.spans import SPANS
from tests.tree.source import ADAPTERS, CORE, ROOT, parsed, python_files

PAGE = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))


def rows(section: str) -> list[tuple[str, ...]]:
    """The cells of a section's table, without its head."""
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("| `")]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines]


def test_the_loggers_are_those_of_the_code() -> None:
    assert {name.strip("`"): says for name, says in rows("Log")} == LOGGERS


def test_the_instruments_are_those_of_the_code() -> None:
    said = {
        name: (name.replace(".", "_") + each.suffix, each.shape.value, ", ".join(each.labels) or "-", each.says)
        for name, each in INSTRUMENTS.items()
    }
    assert {cells[0].strip("`"): (cells[1].strip("`"), *cells[2:]) for cells in rows("Metrics")} == said


def test_the_spans_are_those_of_the_code() -> None:
    named = {each.called: ", ".join(f"`{name}`" for name in each.attributes) for each in SPANS.values()}
    said = {each.called: (each.kind, each.says, each.parent, each.links or "-") for each in SPANS.values()}
    found = {cells[0].strip("`"): cells[1:] for cells in rows("Traces")}
    assert found == {name: (*cells, named[name]) for name, cells in said.items()}


def test_nothing_is_logged_under_another_name() -> None:
    used = {name for path in python_files(CORE, ADAPTERS) for name in _loggers(parsed(path))}
    assert used <= LOGGERS.keys(), sorted(used - LOGGERS.keys())


def _loggers(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "logging.getLogger" and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value

"""The form of a trap list: what the research has found to go wrong in a framework, and what closes it here.

Each trap names the section of the framework's research page that has measured it, and is closed by tests, or declared:

    trap("2.4", "a wrong answer bricks its thread", "healing::a_poisoned_thread_is_asked_again")
    trap("2.2", "two workers resume one pause", "conformance::two_workers_share_the_work")
    trap("3.3", "nothing stops a team at once", declared(Capability.DRAIN, "stops only between turns"))

`healing::…` is that test of the adapter's `test_healing.py`, or one that a class of it has from `tests/killed.py`;
`conformance::…` is a behaviour that the adapter's report has as passed; what is declared stands, with those words,
in the reason of that capability.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar, NamedTuple

from hitl_core.capabilities import Capabilities, Capability
from tests.tree.source import ROOT, parsed

TESTS = ROOT / "tests"
MATRIX = ROOT / "docs" / "capabilities.md"


class Declared(NamedTuple):
    """A trap that is not closed: the capability that says so, and the words of its reason that do."""

    capability: Capability
    words: str


class Trap(NamedTuple):
    section: str
    says: str
    closed: tuple[str | Declared, ...]


def trap(section: str, says: str, *closed: str | Declared) -> Trap:
    return Trap(section, says, closed)


def declared(capability: Capability, words: str) -> Declared:
    return Declared(capability, words)


class TrapList:
    """The traps of one framework, each held against the tests, the report and the matrix as they are."""

    backend: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    sections: ClassVar[Mapping[str, str]]
    """Of the research page: those that have traps, and what each is about."""
    traps: ClassVar[tuple[Trap, ...]]

    def test_each_trap_names_a_section_and_each_section_has_one(self) -> None:
        differ = {each.section for each in self.traps} ^ set(self.sections)
        assert not differ, f"named without a title, or without a trap: {sorted(differ)}"

    def test_each_trap_is_told_once_and_closed_or_declared(self) -> None:
        told = Counter((each.section, each.says) for each in self.traps)
        assert max(told.values()) == 1, f"told twice: {[each for each, count in told.items() if count > 1]}"
        open_ones = [each.says for each in self.traps if not each.closed]
        assert not open_ones, f"neither closed nor declared: {open_ones}"

    def test_what_closes_a_trap_is_there(self) -> None:
        there = set(_tests_of(TESTS / self.backend)) | {f"conformance::{name}" for name in _passed(self.backend)}
        named = [(each.says, name) for each in self.traps for name in each.closed if isinstance(name, str)]
        gone = [f"{name} ({says})" for says, name in named if name not in there]
        assert not gone, "no such test, or no such behaviour that passed:\n" + "\n".join(gone)

    def test_what_is_declared_stands_in_the_matrix_with_its_reason(self) -> None:
        named = [(each.says, one) for each in self.traps for one in each.closed if isinstance(one, Declared)]
        section = _section_of(self.backend)
        silent = [f"{one} ({says})" for says, one in named if not self._stands(one, section)]
        assert not silent, "not in the reason of its capability, or not in docs/capabilities.md:\n" + "\n".join(silent)

    def test_every_test_of_a_trap_is_in_the_list(self) -> None:
        """Those of a file that is all about traps."""
        named = {name for each in self.traps for name in each.closed}
        about_traps = [name for name in _tests_of(TESTS / self.backend) if name.startswith("traps")]
        missing = [name for name in about_traps if name not in named]
        assert not missing, f"tests of traps that are not listed: {missing}"

    def _stands(self, one: Declared, section: list[str]) -> bool:
        support = self.capabilities[one.capability]
        row = f"- `{one.capability}` is {support.level}: {support.because}."
        return bool(one.words) and one.words in support.because and row in section


@cache
def _tests_of(folder: Path) -> list[str]:
    """`file::test` for each test that runs there, without the `test_` of either."""
    files = sorted(folder.rglob("test_*.py"))
    own = [(path, name) for path in files for name in _functions(parsed(path))]
    shared = [(path, name) for path in files for name in _from_killed(parsed(path))]
    return [f"{path.stem.removeprefix('test_')}::{name.removeprefix('test_')}" for path, name in own + shared]


def _functions(tree: ast.AST) -> Iterator[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    yield from (node.name for node in ast.walk(tree) if isinstance(node, functions) and node.name.startswith("test_"))


def _from_killed(tree: ast.Module) -> Iterator[str]:
    """What the classes of a file have from the shared ones, which themselves may have more from each other."""
    shared = {node.name: node for node in parsed(TESTS / "killed.py").body if isinstance(node, ast.ClassDef)}
    waiting = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    while waiting:
        bases = {base.id for base in waiting.pop().bases if isinstance(base, ast.Name)}
        found = [shared[name] for name in bases & shared.keys()]
        yield from (name for each in found for name in _functions(each))
        waiting += found


def _passed(backend: str) -> set[str]:
    report = json.loads((ROOT / "docs" / "conformance" / f"{backend}.json").read_text(encoding="utf-8"))
    return {each["behaviour"] for each in report["results"] if each["outcome"] == "passed"}


def _section_of(backend: str) -> list[str]:
    """The lines that give an adapter's reasons."""
    _, _, rest = MATRIX.read_text(encoding="utf-8").partition(f"\n### `{backend}` ")
    return rest.partition("\n## ")[0].partition("\n### ")[0].splitlines()

"""pyproject.toml against the tree: one name everywhere, targets that exist, pins without addresses."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.tree.source import ADAPTERS, ROOT, parsed

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
GROUPS: dict[str, dict[str, str]] = PROJECT["entry-points"]
TARGETS = [*PROJECT["scripts"].values(), *(target for group in GROUPS.values() for target in group.values())]
PIN = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; .+)?")


@pytest.mark.parametrize("target", TARGETS)
def test_an_entry_point_names_something_that_is_there(target: str) -> None:
    module, _, attribute = target.partition(":")
    path = _file_of(module)
    assert path, f"no file for {module}"
    assert attribute in _top_level_names(path), f"{path.relative_to(ROOT)} has no {attribute}"


def test_an_adapter_has_one_name_everywhere() -> None:
    names = set(GROUPS["hitl_core.adapters"])
    needs_extra = names - {"plain"}
    assert needs_extra <= PROJECT["optional-dependencies"].keys()
    assert names == {path.stem for path in ADAPTERS.iterdir() if not path.name.startswith(("_", ".", "py.typed"))}


@pytest.mark.parametrize("path", sorted((ROOT / "constraints").glob("*.txt")), ids=lambda path: path.name)
def test_pins_are_names_and_versions_only(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    odd = [line for line in lines if not PIN.fullmatch(line)]
    assert lines
    assert not odd


def _file_of(module: str) -> Path | None:
    below = ROOT.joinpath(*(("src", "adapters") if module.startswith("hitl_adapters") else ("src",)))
    stem = below.joinpath(*module.split("."))
    return next((path for path in (stem / "__init__.py", stem.with_suffix(".py")) if path.exists()), None)


def _top_level_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in parsed(path).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.ImportFrom(names=aliases):
                names.update(alias.asname or alias.name for alias in aliases)
            case ast.Assign(targets=targets):
                names.update(target.id for target in targets if isinstance(target, ast.Name))
            case _:
                pass
    return names

"""Our own source, read as a tree: which files there are and what each one imports. Nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "src" / "hitl_core"
ADAPTERS = ROOT / "src" / "adapters" / "hitl_adapters"


class When(StrEnum):
    """When an import happens."""

    LOADED = "when the file is loaded"
    CALLED = "when a function is called"
    TYPED = "for types only"


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, with its full dotted name, and the place that asks for it."""

    module: str
    path: Path
    line: int
    when: When

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def python_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def module_name(path: Path) -> str:
    """`src/hitl_core/stores/sqlite.py` → `hitl_core.stores.sqlite`; a package has the name of its folder."""
    top = CORE.parent if path.is_relative_to(CORE) else ADAPTERS.parent
    parts = path.relative_to(top).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> list[Import]:
    return [
        Import(module, path, node.lineno, when)
        for node, when in _import_statements(parsed(path), When.LOADED)
        for module in _modules(node, path)
    ]


def _import_statements(node: ast.AST, when: When) -> Iterator[tuple[ast.Import | ast.ImportFrom, When]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, when
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _import_statements(child, When.CALLED if when is When.LOADED else when)
        elif isinstance(child, ast.If) and _is_type_checking(child.test):
            yield from _import_statements(ast.Module(body=child.body, type_ignores=[]), When.TYPED)
            yield from _import_statements(ast.Module(body=child.orelse, type_ignores=[]), when)
        else:
            yield from _import_statements(child, when)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _modules(node: ast.Import | ast.ImportFrom, path: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    origin = _origin(node, path)
    # `from package import room` names the room, `from package.room import Thing` names a thing in it.
    return list(dict.fromkeys(_with_name(origin, alias.name) for alias in node.names))


def _origin(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return node.module or ""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    package = package[: len(package) - (node.level - 1)]
    return ".".join([*package, *([node.module] if node.module else [])])


def _with_name(origin: str, name: str) -> str:
    """Deeper down the origin is enough, and a function may share its name with the file that holds it."""
    home = {CORE.name: CORE, ADAPTERS.name: ADAPTERS}.get(origin)
    is_room = home is not None and ((home / name).is_dir() or (home / f"{name}.py").exists())
    return f"{origin}.{name}" if is_room else origin

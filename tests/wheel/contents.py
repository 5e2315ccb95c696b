"""What the wheel and the sdist hold: exactly our two packages, and all that is needed to build again.

    python -I contents.py DIST CHECKOUT

Needs nothing installed. Ends with 0, or with 1 and every fault.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

SDIST_NEEDS = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "noxfile.py", "Makefile", "PKG-INFO")
TYPED = ("hitl_core/py.typed", "hitl_adapters/py.typed")
EXTRAS = {"langgraph", "crewai", "autogen", "openai-agents"}
EXTRAS |= {"cli", "server", "postgres", "agui", "notify", "otel"}
LITTER = (".db", ".key", ".pyc")


def main(dist: Path, checkout: Path) -> int:
    faults = [*wheel_faults(_only(dist, "*.whl"), checkout), *sdist_faults(_only(dist, "*.tar.gz"), checkout)]
    print("\n".join(faults) or f"{dist}: the wheel and the sdist hold what they should")
    return 1 if faults else 0


def wheel_faults(wheel: Path, checkout: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        metadata = archive.read(_in_dist_info(held, "METADATA")).decode()
        entry_points = archive.read(_in_dist_info(held, "entry_points.txt")).decode()
    expected = _sources(checkout) | _story(checkout)
    packaged = {name for name in held if ".dist-info/" not in name}
    extras = {line.split(": ")[1] for line in metadata.splitlines() if line.startswith("Provides-Extra: ")}
    return [
        *(f"wheel lacks {name}" for name in sorted(expected - packaged)),
        *(f"wheel has {name}, which is not ours" for name in sorted(packaged - expected)),
        *(f"wheel lacks {name}" for name in TYPED if name not in held),
        *(f"metadata lacks the extra {extra}" for extra in sorted(EXTRAS - extras)),
        *([] if any(name.endswith("licenses/LICENSE") for name in held) else ["wheel lacks the licence"]),
        *([] if "[hitl_core.adapters]" in entry_points else ["wheel declares no adapters"]),
    ]


def sdist_faults(sdist: Path, checkout: Path) -> list[str]:
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    sources = {f"src/{name}" for name in _sources(checkout) if name.startswith("hitl_core/")}
    sources |= {f"src/adapters/{name}" for name in _sources(checkout) if name.startswith("hitl_adapters/")}
    return [
        *(f"sdist lacks {name}" for name in sorted({*SDIST_NEEDS, *sources} - held)),
        *(f"sdist has {name}" for name in sorted(held) if name.startswith((".venv", ".nox", ".git/"))),
        *(f"sdist has {name}" for name in sorted(held) if name.endswith(LITTER)),
    ]


def _sources(checkout: Path) -> set[str]:
    """Every file of our two packages, by its name inside the wheel."""
    return {
        path.relative_to(package.parent).as_posix()
        for package in (checkout / "src/hitl_core", checkout / "src/adapters/hitl_adapters")
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


def _story(checkout: Path) -> set[str]:
    """The story that `hitl demo` plays, which stands among the examples."""
    folder = checkout / "examples/refund_desk"
    return {
        f"hitl_core/demo/refund_desk/{path.name}"
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".")
    }


def _only(dist: Path, pattern: str) -> Path:
    (found,) = dist.glob(pattern)
    return found


def _in_dist_info(held: set[str], name: str) -> str:
    (found,) = (path for path in held if path.endswith(f".dist-info/{name}"))
    return found


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2])))

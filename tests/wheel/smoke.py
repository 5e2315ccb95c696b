"""The installed wheel works where there is no source tree.

    python -I smoke.py CHECKOUT

Runs in any folder that is not the checkout, with the extras cli and langgraph installed.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ADAPTERS = {"plain", "langgraph", "crewai", "autogen", "openai_agents"}
GROUPS = {
    "hitl_core.adapters": ADAPTERS,
    "hitl_core.kits": ADAPTERS,
    "hitl_core.stores": {"sqlite", "postgresql"},
    "hitl_core.channels": {"console"},
}
INSTALLED = {"plain", "langgraph", "sqlite", "console"}
"""What has to load here; whatever else is registered either loads too or says what to install."""

EXTRAS = {"postgresql": "postgres"}
"""A store has the name of its URLs, and its extra the name of its server."""


def main(checkout: Path) -> int:
    print(f"hitl-core {version('hitl-core')}")
    for package in ("hitl_core", "hitl_adapters"):
        _comes_from_the_wheel(package, checkout)
    for group, expected in GROUPS.items():
        _loads(group, expected)
    _command("--help")
    _command("demo", "--answer", "approve")
    _command("conformance", "plain", "--promise", "P02", "--promise", "P41")
    print("the wheel works")
    return 0


def _comes_from_the_wheel(package: str, checkout: Path) -> None:
    home = Path(str(importlib.import_module(package).__file__)).resolve()
    if home.is_relative_to(checkout / "src"):
        raise SystemExit(f"{package} was imported from the source tree: {home}")
    if not home.with_name("py.typed").exists():
        raise SystemExit(f"{package} is not marked as typed in {home.parent}")
    print(f"imported {package}")


def _loads(group: str, expected: set[str]) -> None:
    from hitl_core.config.registry import known

    if known(group).keys() != expected:
        raise SystemExit(f"{group}: expected {sorted(expected)}, found {sorted(known(group))}")
    loaded = [name for name in sorted(expected) if _is_loaded(group, name)]
    if missing := (expected & INSTALLED) - set(loaded):
        raise SystemExit(f"{group}: {sorted(missing)} did not load")
    print(f"loaded {group}: {', '.join(loaded)}")


def _is_loaded(group: str, name: str) -> bool:
    """Whether it loads; one whose packages are not here has to say which line installs them."""
    from hitl_core.config.registry import load
    from hitl_core.errors import AdapterNotInstalled

    try:
        load(group, name)
    except AdapterNotInstalled as exc:
        if f"pip install 'hitl-core[{EXTRAS.get(name, name)}]'" not in str(exc):
            raise
        return False
    return True


def _command(*arguments: str) -> None:
    hitl = Path(sys.executable).with_name("hitl")
    said = " ".join(arguments)
    # No terminal and nobody at it: a command that waits for a person here would hang, so its input is empty.
    done = subprocess.run(
        [str(hitl), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        raise SystemExit(f"hitl {said} ended with {done.returncode}:\n{done.stdout}")
    print(f"ran hitl {said}")


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]).resolve()))

"""Versions that cannot keep every promise are refused by name; the oldest that can is the one that the lane tries."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from hitl_adapters.langgraph.errors import OLDEST, require_versions
from tests.tree.source import ROOT

LOADS_WITH = """
import importlib.metadata, sys
package, pretended = sys.argv[1:]
really = importlib.metadata.version
importlib.metadata.version = lambda name: pretended if name == package else really(name)
from hitl_core.errors import AdapterTooOld
from hitl_core.config.registry import ADAPTERS, load
try:
    load(ADAPTERS, "langgraph")
except AdapterTooOld as exc:
    print(exc)
print("imported" if "langgraph" in sys.modules else "not imported")
"""


@pytest.mark.processes
@pytest.mark.parametrize(
    ("package", "found", "needed"),
    [
        ("langgraph", "1.2.19", "1.2.20"),
        ("langgraph", "1.0.0", "1.2.20"),
        ("langgraph-prebuilt", "1.1.0", "1.1.1"),
    ],
)
def test_an_old_version_is_refused_before_anything_of_it_is_imported(package: str, found: str, needed: str) -> None:
    command = [sys.executable, "-c", LOADS_WITH, package, found]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    upgrade = "pip install --upgrade 'hitl-core[langgraph]'"
    assert said == [f"found {package} {found} (needed: {needed} or newer): {upgrade}", "not imported"]


def test_what_is_installed_here_will_do() -> None:
    require_versions()


def test_the_oldest_is_what_the_project_declares_and_the_lowest_lane_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = " ".join(project["optional-dependencies"]["langgraph"])
    pins = (ROOT / "constraints" / "langgraph_lowest.txt").read_text(encoding="utf-8").splitlines()
    for package, oldest in OLDEST.items():
        assert f"{package}>={oldest},<2" in declared
        assert f"{package}=={oldest}" in pins

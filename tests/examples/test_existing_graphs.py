"""The page of the existing graphs, followed word by word: each graph, each command in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

GRAPHS = Path(__file__).resolve().parents[2] / "examples" / "existing_graphs"
PAGE = (GRAPHS / "README.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.split("|")[1:3]] for line in PAGE.splitlines() if line.startswith("| `")]
INPUTS = {file.strip("`").removesuffix(".py"): given.split("`")[1] for file, given in ROWS}
CONFIG = '[backend]\nname = "langgraph"\napp = "{app}"\n'

pytestmark = pytest.mark.processes


def garden(graph: str) -> str:
    """The page's `garden.py`, for one of the graphs."""
    (code,) = [
        token.content
        for token in MarkdownIt().parse(PAGE)
        if token.type == "fence" and token.info == "python" and "AsyncSqliteSaver" in token.content
    ]
    return code.replace("approval_before_action", graph)


def hitl(folder: Path, *arguments: str) -> Any:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HITL_")}
    done = subprocess.run(
        [sys.executable, "-m", "hitl_core.cli", *arguments, "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=folder,
        env={**kept, "PYTHONPATH": str(GRAPHS.parent)},
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_the_table_has_every_graph() -> None:
    files = {file.stem for file in GRAPHS.glob("*.py") if "def build(" in file.read_text(encoding="utf-8")}
    assert INPUTS.keys() == files


@pytest.mark.parametrize("graph", sorted(INPUTS))
def test_each_graph_pauses_with_its_input(graph: str, tmp_path: Path) -> None:
    (tmp_path / "garden.py").write_text(garden(graph), encoding="utf-8")
    (tmp_path / "hitl.toml").write_text(CONFIG.format(app="garden:build"), encoding="utf-8")
    run = hitl(tmp_path, "run", "--input", INPUTS[graph])
    assert (run["state"], bool(run["pending"])) == ("paused", True), run


def test_on_disk_a_pause_outlives_its_process(tmp_path: Path) -> None:
    (tmp_path / "garden.py").write_text(garden("approval_before_action"), encoding="utf-8")
    (tmp_path / "hitl.toml").write_text(CONFIG.format(app="garden:build"), encoding="utf-8")
    run = hitl(tmp_path, "run", "--input", INPUTS["approval_before_action"])
    hitl(tmp_path, "respond", run["pending"][0]["id"], "approve", "--as", "lea")
    assert hitl(tmp_path, "resume", run["id"])["state"] == "completed"
    assert (tmp_path / "existing_graphs.jsonl").read_text(encoding="utf-8").count("newsletter_mailed") == 1


def test_in_memory_it_does_not_and_nothing_runs(tmp_path: Path) -> None:
    app = "existing_graphs.approval_before_action:build"
    (tmp_path / "hitl.toml").write_text(CONFIG.format(app=app), encoding="utf-8")
    run = hitl(tmp_path, "run", "--input", INPUTS["approval_before_action"])
    hitl(tmp_path, "respond", run["pending"][0]["id"], "approve", "--as", "lea")
    resumed = hitl(tmp_path, "resume", run["id"])
    assert (resumed["state"], "HITL-A07" in resumed["error"]) == ("failed", True)
    assert not (tmp_path / "existing_graphs.jsonl").exists()


def test_a_rewind_asks_again_and_nothing_ran_twice(tmp_path: Path) -> None:
    (tmp_path / "garden.py").write_text(garden("approval_before_action"), encoding="utf-8")
    (tmp_path / "hitl.toml").write_text(CONFIG.format(app="garden:build"), encoding="utf-8")
    run = hitl(tmp_path, "run", "--input", INPUTS["approval_before_action"])
    hitl(tmp_path, "respond", run["pending"][0]["id"], "approve", "--as", "lea")
    undone = hitl(tmp_path, "rewind", run["id"], "--as", "lea", "--reason", "too soon")
    assert undone["state"] == "paused", undone
    assert undone["pending"][0]["id"] != run["pending"][0]["id"]
    assert not (tmp_path / "existing_graphs.jsonl").exists()

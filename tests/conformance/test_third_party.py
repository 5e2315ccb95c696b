"""An adapter outside this project, built by following docs/write-an-adapter.md, is tried by its name."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hitl_core.cli.app import run
from hitl_core.config import registry
from hitl_core.testing.conformance import find_kit, try_adapter
from hitl_core.testing.kills import Hunt
from hitl_core.testing.overseen import STORIES, Office

pytestmark = pytest.mark.processes

PROJECT = Path(__file__).parents[2] / "examples" / "generator_adapter"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What `pip install -e` would do: the project on the path, and its entry points next to it."""
    project: Any = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    about = tmp_path / "generator_adapter-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (about / "entry_points.txt").write_text("\n".join(groups))
    monkeypatch.setattr(sys, "path", [str(PROJECT), str(tmp_path), *sys.path])
    registry.known.cache_clear()
    yield
    registry.known.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "generator_adapter"]:
        del sys.modules[name]


@pytest.mark.usefixtures("installed")
def test_it_keeps_every_promise_or_refuses_by_name() -> None:
    report = try_adapter(find_kit("generator"))
    bad = [f"{each.promise} {each.behaviour}: {each.because}" for each in report.results if not each.outcome.good]
    assert not bad, "\n".join(bad)
    assert report.versions["generator-adapter"] == "0.1"
    refused = {each.promise for each in report.results if each.outcome.value == "refused"}
    absent = {"P05", "P09", "P15", "P31", "P40", "P63", "P66", "P67", "P72", "P73", "P76", "P90", "P92"}
    assert refused == absent


@pytest.mark.usefixtures("installed")
def test_the_last_line_of_the_page() -> None:
    assert run(["conformance", "generator", "--promise", "P02"]) == 0


@pytest.mark.usefixtures("installed")
def test_it_is_killed_at_random_like_ours(tmp_path: Path) -> None:
    with Hunt(find_kit("generator"), tmp_path) as hunt:
        hunted = hunt.until(3, seed=1)
    assert not hunted.broken, str(hunted)


@pytest.mark.usefixtures("installed")
def test_people_are_put_over_it_as_over_ours(tmp_path: Path) -> None:
    with Office(find_kit("generator"), tmp_path) as office:
        for story in STORIES.values():
            story.tell(office)


DESK = """
from generator_adapter import Do
from hitl_core import tool

@tool
def pay(amount: float) -> str:
    "Pay money back."
    with open("paid", "a") as ledger:
        ledger.write(str(amount))
    return "paid"

def desk(given):
    return (yield Do(pay, {"amount": given}))
"""


@pytest.mark.usefixtures("installed")
def test_what_has_nothing_to_tell_is_worked_on_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`hitl run` and `hitl resume` need no live events."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "silent_desk.py").write_text(DESK)
    (tmp_path / "hitl.toml").write_text('[backend]\nname = "generator"\napp = "silent_desk:desk"\n')
    run(["run", "--input", "2.5", "--json"])
    started: Any = json.loads(capsys.readouterr().out)
    assert (started["state"], (tmp_path / "paid").exists()) == ("paused", False)
    assert run(["respond", started["pending"][0]["id"], "approve", "--as", "ann"]) == 0
    assert run(["resume", started["id"]]) == 0
    assert (tmp_path / "paid").read_text() == "2.5"

"""`hitl conformance`: the table, the JSON, the exit status."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain.kit import Kit as PlainKit
from hitl_core.apps import AppSource
from hitl_core.cli.app import run
from hitl_core.testing.conformance import Scene, Stage


class Forgetful(PlainKit):
    """A kit whose app forgets the calls of its agent, so that nothing is ever asked."""

    def app(self, scene: Scene, stage: Stage) -> AppSource:
        return super().app(Scene(), stage)


FORGETFUL = f"{__name__}:Forgetful"


def test_the_table_and_the_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    assert run(["conformance", "plain", "--promise", "P02", "--promise", "p66", "--json", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "Approve runs the action once" in shown
    assert "no checkpoints to go back to" in shown
    assert "plain keeps what was tried: 3 passed, 1 refused" in shown
    report: Any = json.loads(file.read_text())
    assert (report["adapter"], report["good"]) == ("plain", True)
    assert report["versions"].keys() == {"hitl-core"}
    assert {result["promise"] for result in report["results"]} == {"P02", "P66"}
    assert {result["outcome"] for result in report["results"]} == {"passed", "refused"}
    assert report["capabilities"]["undo_by_fork"]["level"] == "absent"


def test_the_report_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["conformance", "plain", "--promise", "P91", "--json", "-"]) == 0
    report: Any = json.loads(capsys.readouterr().out)
    assert report["count"] == {"passed": 3, "refused": 0, "failed": 0, "not_run": 0}


def test_a_failure_is_told_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["conformance", FORGETFUL, "--promise", "P01"]) == 1
    said = capsys.readouterr()
    assert "nothing_runs_before_a_decision: failed" in said.err
    assert "plain does not keep everything that was tried" in said.out


def test_a_promise_or_an_adapter_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["conformance", "plain", "--promise", "P99"]) == 2
    assert "'P99' is not one of P01" in capsys.readouterr().err
    assert run(["conformance", "plain", "--promise", "P02", "--json", "no/such/folder/x.json"]) == 2
    assert "there is no folder 'no/such/folder'" in "".join(capsys.readouterr())
    assert run(["conformance", "no_such_framework"]) == 2
    assert re.search(r"known: .*langgraph.*plain", capsys.readouterr().err)


def test_a_store_that_cannot_be_made_anew_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["conformance", "plain", "--promise", "P02", "--store", "mysql://nowhere/x"]) == 2
    assert "'mysql://nowhere/x' is neither sqlite:// (a file each) nor postgresql://" in "".join(capsys.readouterr())
    assert run(["conformance", "plain", "--promise", "P91", "--store", "sqlite://"]) == 0

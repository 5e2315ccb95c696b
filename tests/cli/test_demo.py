"""`hitl demo`: the whole story in real processes, at a terminal and unattended, held against its ledger."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hitl_core.cli.demo.world import STORY, story_dir
from tests.cli.shop import Done, environment
from tests.cli.terminal import command_at_a_terminal

pytestmark = pytest.mark.processes

DEMO = [sys.executable, "-P", "-m", "hitl_core.cli", "demo", "--no-browser", "--scripted"]


def demo(folder: Path, *arguments: str) -> Done:
    done = subprocess.run(
        [*DEMO, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment(),
        cwd=folder,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def pasted(line: str, folder: Path) -> str:
    """What a command says that was shown to be typed."""
    done = subprocess.run(
        shlex.split(line),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
        cwd=folder,
    )
    return done.stdout


def refunds(folder: Path) -> list[dict[str, Any]]:
    """What really happened."""
    ledger = folder / "hitl-demo" / STORY.ledger
    lines = [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []
    return [line for line in lines if line["effect"] == STORY.effect]


def model_calls(folder: Path) -> int:
    return len((folder / "hitl-demo" / "model.jsonl").read_text().splitlines())


def test_approved_unattended(tmp_path: Path) -> None:
    done = demo(tmp_path, "--answer", "approve")
    assert done.code == 0, done.err
    assert done.out.rstrip().endswith("The refund was issued once, after alice approved it.")
    assert "Pay back 60.00 EUR" in done.out
    assert len(refunds(tmp_path)) == 1
    assert model_calls(tmp_path) == 2
    processes = {word for word in done.out.replace(")", " ").split() if word.isdigit()}
    assert len(processes) >= 2


def test_rejected_unattended_in_json(tmp_path: Path) -> None:
    done = demo(tmp_path, "--answer", "reject", "--json")
    assert (done.code, done.json["ok"]) == (0, True)
    assert done.json["verdict"] == "No refund was issued: alice rejected it."
    assert done.json["ledger"] == []
    assert "without a photo" in str(done.json["run"]["output"])


def test_the_whole_story_at_a_terminal(tmp_path: Path) -> None:
    with command_at_a_terminal([*DEMO, "--order", "A-1042", "--as", "lea"], tmp_path) as person:
        person.expect("lea, decide:")
        person.press("w")
        person.expect("your answer (text): ")
        person.type("They may keep it.")
        person.expect("lea, decide:")
        person.press("3")
        person.expect("Pay back 48.50 EUR of 129.00 EUR for the desk lamp")
        person.expect("lea, decide:")
        person.press("a")
        person.expect("The refund was issued once, after lea approved it.")
        assert person.ended() == 0
    assert [line["arguments"]["amount"] for line in refunds(tmp_path)] == [48.5]


def test_without_a_terminal_and_an_answer_it_says_how_to_go_on(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert done.code == 3
    assert "--answer approve" in done.out
    (respond,) = [line for line in done.out.splitlines() if " respond " in line]
    again, unattended = [line for line in done.out.splitlines() if line.lstrip() != line and " demo " in line]
    assert unattended.strip() == f"{again.strip()} --answer approve"
    assert "is ready" in pasted(respond, tmp_path)
    assert not refunds(tmp_path)
    assert pasted(again, tmp_path).rstrip().endswith("The refund was issued once, after alice approved it.")
    assert len(refunds(tmp_path)) == 1


def test_the_process_that_paused_is_really_killed(tmp_path: Path) -> None:
    said = demo(tmp_path, "--answer", "approve").out
    first, second = (int(line.split("(process ")[1].rstrip(")")) for line in said.splitlines() if "(process " in line)
    assert f"process {first} held the run when it paused, and was killed (SIGKILL)" in said
    assert f"process {second} has ended" in said
    assert said.index("was killed") < said.index("alice answers") < said.index("has ended")


def test_whoever_leaves_goes_on_where_they_left(tmp_path: Path) -> None:
    with command_at_a_terminal(DEMO, tmp_path) as person:
        person.expect("alice, decide:")
        person.press("q")
        person.expect("nothing has happened")
        assert person.ended() == 0
    with command_at_a_terminal(DEMO, tmp_path) as person:
        person.expect("this one goes on with it")
        person.expect("alice, decide:")
        person.press("a")
        person.expect("The refund was issued once, after alice approved it.")
        assert person.ended() == 0
    assert (len(refunds(tmp_path)), model_calls(tmp_path)) == (1, 2)


def test_ctrl_c_while_the_agent_works_is_a_sentence(tmp_path: Path) -> None:
    with command_at_a_terminal(DEMO, tmp_path) as person:
        person.expect("(process ")
        person.press("\x03")
        person.expect("Left. What was done stays done")
        assert person.ended() == 0
    assert "Traceback" not in person.screen
    assert "async" not in person.screen


def test_a_model_that_refuses_our_key_is_a_line_and_a_way_out(tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO[:-1], "--answer", "approve"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**environment(), "OPENAI_API_KEY": "wrong", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "the script plays: " in done.stdout
    assert "Connection error." in done.stdout
    assert len(done.stdout.splitlines()) < 16


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "hitl-demo").mkdir()
    (tmp_path / "hitl-demo" / "thesis.txt").touch()
    done = demo(tmp_path, "--answer", "approve")
    assert (done.code, "holds something else" in done.err) == (2, True)


def test_the_story_is_found() -> None:
    assert {"hitl.toml", "policy.toml", "story.py", STORY.script} <= {path.name for path in story_dir().iterdir()}

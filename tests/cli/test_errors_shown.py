"""What goes wrong is said by its code, with all faults and the next step, and changes nothing."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable

import pytest

from hitl_core.cli.errors_shown import next_step
from hitl_core.cli.terminal.log import log_to_stderr
from hitl_core.errors import FaultyError, GrantNotFound, GrantNotGiven, HitlError, PersonNotErasable
from tests.cli.shop import Done, Shop, order

Hitl = Callable[..., Done]


def paused(hitl: Hitl, do: str = "pay", *more: str) -> str:
    request: str = hitl("run", "--json", "--input", order(do), *more).json["pending"][0]["id"]
    return request


def test_all_faults_of_an_answer_on_lines_of_their_own(hitl: Hitl, shop: Shop) -> None:
    request = paused(hitl, "pay", "--by", "alice")
    edit = ("edit", "--args", '{"amount": "a lot", "more": 1}', "--as", "alice", "--digest", "sha256:00")
    refused = hitl("respond", request, *edit)
    assert (refused.code, refused.out) == (1, "")
    lines = refused.err.splitlines()
    assert lines[0] == "error HITL-D06: response refused"
    assert lines[-1].startswith("next: ")
    for fault in (
        "responder: 'alice' started this run",
        "digest: ",
        "'order' is a required",
        "more",
        "arguments.amount",
    ):
        assert sum(fault in line for line in lines) >= 1, (fault, lines)
    assert len(lines) >= 6
    assert hitl("respond", request, "approve", "--as", "bob", "--resume").code == 0
    assert len(shop.ledger("refund")) == 1


@pytest.mark.parametrize(
    ("do", "answer", "fault"),
    [
        ("pay", ["choose", "--option", "post"], "'choose' is not offered here"),
        ("choose", ["choose", "--option", "pigeon"], "'pigeon' was not offered"),
        ("choose", ["choose", "--option", ""], "option: "),
        ("ask", ["answer", "--message", "  "], "is empty"),
        ("ask", ["answer", "--args", "42"], "must be text, not number"),
        ("ask", ["approve"], "'approve' is not offered here"),
        ("review", ["revise", "--message", " "], "say what should change"),
        ("pay", ["approve", "--digest", "sha256:00"], "is not the digest of the action"),
        ("pay", ["approve", "--args", "{}"], "to run it with other arguments use `edit`"),
    ],
)
def test_a_wrong_answer_leaves_the_request_open(hitl: Hitl, do: str, answer: list[str], fault: str) -> None:
    request = paused(hitl, do)
    refused = hitl("respond", request, *answer, "--as", "alice")
    assert refused.code in (1, 2)
    assert fault in refused.err
    assert "Traceback" not in refused.err
    assert hitl("show", request, "--json").json["state"] == "open"


def test_the_loser_is_told_who_won(hitl: Hitl) -> None:
    request = paused(hitl)
    hitl("respond", request, "approve", "--as", "alice")
    late = hitl("respond", request, "reject", "--as", "bob", "--json")
    assert late.code == 1
    assert late.json["error"]["code"] == "HITL-D03"
    assert "'alice' was first" in late.json["error"]["message"]
    assert late.err == ""


def test_faults_in_json(hitl: Hitl) -> None:
    request = paused(hitl)
    refused = hitl("respond", request, "edit", "--args", '{"order": 1}', "--as", "alice", "--json")
    error = refused.json["error"]
    assert error.keys() == {"code", "message", "faults", "next"}
    assert error["code"] == "HITL-D01"
    assert len(error["faults"]) >= 2
    assert all(fault.keys() == {"path", "problem"} for fault in error["faults"])


def test_a_command_line_that_is_wrong_is_status_2(hitl: Hitl) -> None:
    for line in (
        ["nonsense"],
        ["run"],
        ["run", "--input", "{"],
        ["respond", "abcd", "maybe"],
        ["inbox", "--limit", "0"],
    ):
        done = hitl(*line)
        assert (done.code, done.out) == (2, ""), line
        assert done.err.startswith("error usage: "), line
    everything = hitl("respond", "abcd", "approve", "--args", "{}", "--option", "x").err
    assert [word in everything for word in ("--args", "--option", "--as")] == [True] * 3
    asked = hitl("respond", "abcd", "--as", "alice")
    assert (asked.code, "DECISION: is missing" in asked.err) == (2, True)
    assert hitl("run", "--input", "{", "--json").json["error"]["code"] == "usage"


def test_a_configuration_that_is_wrong_is_status_2_with_all_its_faults(hitl: Hitl, shop: Shop) -> None:
    shop.config.write_text('[backand]\n[store]\nurl = "sqlite:///hitl.db"\nkey = 1\n')
    refused = hitl("inbox")
    assert refused.code == 2
    for fault in ("backand", "did you mean 'backend'?", "store.key", "backend.name"):
        assert fault in refused.err
    assert hitl("inbox", "--json").json["error"]["code"] == "HITL-C01"


def test_a_backend_that_is_not_there_is_status_2(hitl: Hitl) -> None:
    refused = hitl("run", "--input", "{}", "--backend", "nobody")
    assert (refused.code, "error HITL-A02" in refused.err) == (2, True)


def test_an_app_that_is_no_function_is_refused(hitl: Hitl, shop: Shop) -> None:
    (shop.folder / f"{shop.module}.py").write_text("agent = 42\n")
    refused = hitl("run", "--input", "{}")
    assert (refused.code, "error HITL-A06" in refused.err) == (1, True)


def test_a_bug_in_the_app_module_shows_where_it_is(shop: Shop) -> None:
    (shop.folder / f"{shop.module}.py").write_text("import no_such_module_anywhere\n")
    broken = shop.hitl("run", "--input", "{}", "--json")
    assert broken.code == 1
    assert broken.json["error"]["code"] == "HITL-A06"
    assert f"{shop.module}.py:1, in <module>" in broken.json["error"]["message"]
    assert "Traceback" not in broken.err
    assert "Traceback" in shop.hitl("-v", "run", "--input", "{}", "--json").err


def test_an_app_that_raises_is_a_line_with_its_place(shop: Shop) -> None:
    failed = shop.hitl("run", "--input", order("fail"))
    assert (failed.code, failed.out.count("KeyError: 'the warehouse'")) == (1, 1)
    assert [line for line in failed.err.splitlines() if "raised at" in line and f"{shop.module}.py:" in line]
    assert "Traceback" not in failed.err
    assert "Traceback" in shop.hitl("-v", "run", "--input", order("fail")).err


@pytest.mark.parametrize("chatty", [False, True])
def test_only_how_a_turn_ended_is_left_to_the_result(
    hitl: Callable[..., Done], capsys: pytest.CaptureFixture[str], chatty: bool
) -> None:
    hitl("runs")  # the fixture puts the logger back afterwards
    log_to_stderr(chatty=chatty)
    logging.getLogger("hitl_core").warning("the lease could not be renewed")
    logging.getLogger("hitl_core.endings").warning("HITL-A08 ambiguous")
    said = capsys.readouterr().err
    assert ("the lease could not be renewed" in said, "HITL-A08" in said) == (True, chatty)


def test_what_an_error_quotes_cannot_steer_the_terminal(hitl: Hitl) -> None:
    refused = hitl("show", "\x1b[2J\u202e-nothing")
    assert "\x1b" not in refused.err
    assert "\u202e" not in refused.err


def test_every_error_has_a_next_step() -> None:
    assert not [kind for kind in _below(HitlError) if kind.__module__.startswith("hitl_core") and not next_step(kind)]


def test_a_next_step_is_about_what_was_refused() -> None:
    assert "no grant was given" in next_step(GrantNotGiven)
    assert next_step(GrantNotFound) == "`hitl grants` lists them"
    assert "end what is listed" in next_step(PersonNotErasable)


def _below(kind: type[HitlError]) -> set[type[HitlError]]:
    return {each for child in kind.__subclasses__() for each in (child, *_below(child))} - {FaultyError}


@pytest.mark.processes
@pytest.mark.parametrize("group", [(), ("audit",), ("policy",), ("grants",)])
def test_the_list_of_commands_has_whole_sentences(hitl: Hitl, group: tuple[str, ...]) -> None:
    listed = hitl(*group, "--help").out.partition("Commands:")[2]
    assert (listed != "", "..." in listed) == (True, False), listed


def test_help_loads_no_framework() -> None:
    program = (
        "import sys; from hitl_core.cli import main; sys.argv = ['hitl', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: print(*sys.modules, file=sys.stderr); raise"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert "typer" in loaded
    assert not loaded & {"hitl_adapters", "langgraph", "langchain_core", "crewai", "autogen_core", "agents", "openai"}
    assert "respond" in done.stdout


@pytest.mark.processes
def test_without_its_extra_the_command_says_what_to_install() -> None:
    program = "import sys; sys.modules['typer'] = None; from hitl_core.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "pip install 'hitl-core[cli]'" in done.stderr
    assert "Traceback" not in done.stderr

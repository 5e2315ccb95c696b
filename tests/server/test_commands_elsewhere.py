"""Every command with a server as its store: what it does is done there, or it is refused by name and says where to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from hitl_core.cli.app import app
from hitl_core.config.serving import RIGHTS
from tests.cli.conftest import here
from tests.cli.shop import Configured, Done, Shop, eventually, order
from tests.cli.terminal import command_at_a_terminal
from tests.server.served import Served

pytestmark = pytest.mark.processes

Serve = Callable[..., Served]

THERE: dict[tuple[str, ...], str] = {
    ("worker",): "a worker",
    ("worker", "--list"): "`hitl worker --list`",
    ("serve",): "`hitl serve`",
    ("mcp",): "`hitl mcp`",
    ("login",): "what signs people and programs in",
    ("token", "make", "x", "--as", "ann", "--right", "runs"): "what signs people and programs in",
    ("token", "list"): "what signs people and programs in",
    ("token", "revoke", "x", "--as", "ann"): "what signs people and programs in",
    ("store", "migrate"): "this",
    ("store", "check"): "this",
    ("store", "vacuum"): "this",
    ("doctor", "--ready"): "a worker",
    ("audit", "verify", "--anchors", "x"): "--anchors",
}
"""What works on the store itself, and what it is called where it is refused."""

NOT_OF_A_STORE = {"demo", "conformance", "copy", "check", "test"}
"""Commands that ask no store, or name theirs: of a policy file here, of two stores."""


class Office:
    """People, each with a token, a folder and no app: their commands reach the shop over HTTP. Eve only decides."""

    def __init__(self, shop: Shop, capsys: pytest.CaptureFixture[str], url: str) -> None:
        self.shop, self._capsys = shop, capsys
        self.used: set[str] = set()
        self.desks = {name: self._desk(name, url, RIGHTS) for name in ("ann", "ben")}
        self.desks["eve"] = self._desk("eve", url, ("requests",))

    def _desk(self, name: str, url: str, of: Iterable[str]) -> Configured:
        rights = [word for right in of for word in ("--right", right)]
        made = self.shop.hitl("token", "make", name, "--as", name, *rights, "--json").json
        folder = self.shop.folder / name
        folder.mkdir()
        (folder / "token").write_text(made["token"])
        (folder / "hitl.toml").write_text(f'[store]\nurl = "{url}"\ntoken_file = "token"\n')
        return Configured(folder)

    def hitl(self, *arguments: str, by: str = "ben") -> Done:
        """A command of somebody, in this process."""
        desk: Any = self.desks[by]
        self.used.add(
            " ".join(arguments[:2]) if arguments[0] in ("audit", "policy", "token", "store", "grants") else arguments[0]
        )
        return here(desk, self._capsys, *arguments)

    def says(self, *arguments: str, by: str = "ben", code: int = 0) -> Any:
        """The document of a command that ends so."""
        done = self.hitl(*arguments, "--json", by=by)
        assert done.code == code, done
        return done.json

    def asked(self, do: str = "pay", **given: Any) -> tuple[str, str]:
        """A run that ann has started there, and the request at which it waits."""
        run = self.says("run", "--input", order(do, **given), "--as", "ann", by="ann", code=3)
        return run["id"], run["pending"][0]["id"]

    def ends(self, run: str, state: str = "completed") -> dict[str, Any]:
        """The run, when the worker of the server has gone on with it."""
        eventually(lambda: self.says("runs", run)["state"] == state, f"run {run} to be {state}")
        found: dict[str, Any] = self.says("runs", run)
        return found


@pytest.fixture
def office(shop: Shop, served: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.delenv("HITL_TOKEN", raising=False)
    return Office(shop, capsys, served(shop).url)


def test_every_command_does_its_work_there_or_is_refused_by_name(office: Office, tmp_path: Path) -> None:
    _decides(office)
    _works_together(office)
    _oversees(office, tmp_path)
    _refuses(office)
    assert _commands() - office.used - NOT_OF_A_STORE == set()


def _decides(office: Office) -> None:
    """What a decision does, is done once, and with what was decided."""
    run, request = office.asked()
    assert [each["id"] for each in office.says("inbox")["requests"]] == [request]
    assert office.says("show", request)["arguments"]["amount"] == 48.5
    own = office.hitl("respond", request, "approve", "--as", "ann", by="ann")
    assert "started this run" in own.err
    another = office.hitl("respond", request, "approve", "--as", "ann")
    assert "who calls is 'ben'" in another.err
    assert office.shop.ledger("refund") == []
    edited = json.dumps({"order": "A-1042", "amount": 10.5})
    assert office.hitl("respond", request, "edit", "--args", edited, "--as", "ben").code == 0
    assert "ben" in office.hitl("respond", request, "reject", "--as", "ben").err
    office.ends(run)
    assert [each["amount"] for each in office.shop.ledger("refund")] == [10.5]
    assert "taken back" not in office.hitl("undo", run, "--as", "ben").err  # it cannot be: nothing says how
    assert office.says("override", run, "--output", '"as agreed"', "--as", "ben")["value"] == "as agreed"
    run, request = office.asked()
    assert office.hitl("respond", request, "reject", "--message", "no", "--as", "ben", "--resume").code == 0
    assert "no" in str(office.ends(run)["output"])
    run, request = office.asked("choose")
    assert office.hitl("respond", request, "choose", "--option", "courier", "--as", "ben").code == 0
    assert office.ends(run)["output"] == {"chosen": "courier"}
    assert len(office.shop.ledger("refund")) == 1


def _works_together(office: Office) -> None:
    run, request = office.asked()
    assert office.hitl("comment", request, "who is that?", "--as", "ben").code == 0
    assert office.hitl("steer", run, "be brief", "--as", "ben").code == 0
    assert office.hitl("draft", request).code == 0
    assert office.hitl("defer", request, "--until", "1h", "--as", "ben").code == 0
    assert office.says("inbox")["requests"] == []
    assert office.hitl("delegate", request, "dora", "--as", "ben").code == 0
    assert "rewind" not in office.hitl("rewind", run, "--as", "ben").out
    assert office.hitl("resume", run).code == 3
    assert office.hitl("cancel", run, "--as", "ben", "--reason", "enough").code in (0, 1)
    office.ends(run, "cancelled")
    assert office.hitl("audit", "erase", "--run", run, "--as", "ben", "--reason", "asked for").code == 0
    assert office.hitl("audit", "retain", "--older-than", "1d", "--as", "ben").code == 0


def _oversees(office: Office, folder: Path) -> None:
    run, request = office.asked()
    assert "requests frozen: 1" in office.hitl("stop", "tool", "refund", "--as", "ben", "--reason", "prices").out
    assert [each["target"] for each in office.says("stops")["stops"]] == ["refund"]
    assert "HITL-D04" in office.hitl("respond", request, "approve", "--as", "ben").err
    assert office.hitl("lift", "tool", "refund", "--as", "ann", "--reason", "fine", by="ann").code == 0
    assert office.says("tick")["fired"] == 0
    assert "HITL-U06" in office.hitl("revoke", request, "--as", "ben", "--reason", "wait").err
    assert "reversible" in office.hitl("grant", "refund", "--for", "1h", "--as", "ben", "--reason", "many").err
    given = office.says("grant", "jot", "--for", "1h", "--as", "ben", "--reason", "notes")
    assert [each["id"] for each in office.says("grants")["grants"]] == [given["id"]]
    assert office.hitl("grants", "revoke", given["id"], "--as", "ben").code == 0
    action, rules = folder / "action.json", folder / "other.toml"
    action.write_text('{"tool": "refund", "arguments": {"order": "A", "amount": 1}}')
    rules.write_text('[[rules]]\nid = "no"\nwhy = "a test"\nmatch = { tool = "refund" }\neffect = "deny"\n')
    assert "confirm" in office.hitl("policy", "explain", str(action)).out
    assert "another fate" in office.hitl("policy", "backtest", str(rules)).out
    assert office.says("audit", "verify")["result"] == "intact"
    lines = office.says("audit", "export", "--run", run)["entries"]
    assert {"run.started", "request.opened"} <= {each["event"] for each in lines}
    account = office.says("audit", "report", run[-8:])
    (decision,) = account["decisions"]
    assert (account["title"], "refund" in str(decision)) == (f"Account of run {run}", True)
    assert account == json.loads(office.shop.hitl("audit", "report", run, "--json").out)
    waiting = office.says("top")
    assert (waiting["open"], waiting["levels"][0]["name"], waiting["workers"]["alive"]) == (1, "confirm", 1)
    found = office.says("doctor")
    assert (found["ok"], found["app"], found["audit"]) == (True, None, None)
    assert "the token is ben's" in found["store"]["message"]
    assert "no file, so everything asks" not in office.hitl("doctor").out


def _refuses(office: Office) -> None:
    for arguments, what in THERE.items():
        done = office.hitl(*arguments)
        assert done.code == 2, arguments
        assert "error HITL-C01" in done.err
        assert f"{what} works on the store itself; do it where the server runs" in done.err, done.err


def _commands() -> set[str]:
    """All that there are."""
    names = {str(each.name) for each in app.registered_commands}
    for group in (each.typer_instance for each in app.registered_groups):
        assert group is not None
        below = (str(each.name) for each in group.registered_commands)
        names |= {f"{group.info.name} {name}" for name in below if name not in NOT_OF_A_STORE}
    return names


def test_who_may_only_decide_does_and_is_told_what_came_of_it(office: Office) -> None:
    """The right `requests` alone is enough for it, and a decision that counts is never told as one that does not."""
    run, request = office.asked()
    assert [each["id"] for each in office.says("inbox", by="eve")["requests"]] == [request]
    assert office.says("show", request[-8:], by="eve")["arguments"]["amount"] == 48.5
    told = office.says("respond", request, "approve", "--as", "eve", by="eve")
    assert (told["request"]["state"], told["run"]) == ("decided", None)
    office.ends(run)
    assert len(office.shop.ledger("refund")) == 1
    for arguments in (("runs",), ("stop", "all", "--as", "eve", "--reason", "x"), ("audit", "export")):
        refused = office.hitl(*arguments, by="eve").err
        assert "HITL-P01" in refused
        assert "hitl token make --right " in refused
    gone = office.hitl("show", "zzzzzzzz", by="eve")
    assert "there is no request 'zzzzzzzz'" in gone.err


def test_the_whole_screen_decides_there_as_whom_the_token_is_of(office: Office) -> None:
    desk = office.desks["ben"]
    with command_at_a_terminal(desk.command("inbox", "--watch", "--undo", "0"), desk.folder) as person:
        person.expect("Nothing waits for you")
        run, _ = office.asked()
        person.expect("Pay money back")
        person.press("a")
        office.ends(run)
        person.press("q")
        assert person.ended() == 0
    assert len(office.shop.ledger("refund")) == 1
    (asked,) = office.says("runs", run)["requests"]
    assert asked["response"]["responder"]["id"] == "ben"

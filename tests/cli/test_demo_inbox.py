"""`hitl demo` with its inbox: real processes, and as the browser a program that writes down what it opens."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from rich.console import Console

from hitl_core.cli.demo.inbox import Inbox, browser, offered
from hitl_core.cli.demo.world import STORY, World
from hitl_core.cli.opening import Opening
from tests.cli.shop import PATIENCE, environment
from tests.cli.terminal import command_at_a_terminal
from tests.server.pages.browser import Page

pytestmark = pytest.mark.processes
needs_server = pytest.mark.skipif(
    subprocess.run([sys.executable, "-c", "import hitl_core.server"], capture_output=True, check=False).returncode != 0,
    reason="the extra `server` is not installed",
)

DEMO = [sys.executable, "-P", "-m", "hitl_core.cli", "demo", "--scripted"]
OPENED = "opened.txt"
"""What the browser has written."""
BROWSER = """#!/bin/sh
file="${{1#file://}}"
stat -c "%a %n" "$(dirname "$file")" "$file" >> {folder}/rights.txt
sed -n 's/.*url=\\(http[^"]*\\)".*/\\1/p' "$file" >> {folder}/opened.txt
echo "$@" >> {folder}/arguments.txt
"""
"""Follows the file that it is given, as browsers do, and writes down what everybody sees of how it was started."""


@pytest.fixture
def display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A display, as far as anybody can see, and a browser on it."""
    program = tmp_path / "browser"
    program.write_text(BROWSER.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setenv("BROWSER", str(program))


@dataclass
class Reader:
    """Somebody who has signed in with the link."""

    client: httpx.Client
    url: str

    def page(self, path: str) -> Page:
        return Page(self.client.get(urljoin(self.url, path)))

    def decide(self, decision: str) -> int:
        """Open the first request of the queue, and press a button of its page as it stands."""
        listed = self.page("/")
        links = [each.attributes.get("href", "") for each in listed.elements if each.tag == "a"]
        opened = self.page(next(each for each in links if "/requests/" in each))
        form = next(each for each in opened.forms if each.fields.get("decision") == decision)
        return self.client.post(urljoin(self.url, form.action), data=form.fields).status_code


@contextmanager
def signed_in(link: str) -> Iterator[Reader]:
    with httpx.Client(follow_redirects=True, timeout=PATIENCE) as client:
        page = Page(client.get(link))
        client.post(link, data=page.forms[0].fields).raise_for_status()
        yield Reader(client, link)


def refunds(folder: Path) -> list[dict[str, Any]]:
    ledger = folder / "hitl-demo" / STORY.ledger
    lines = [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []
    return [line for line in lines if line["effect"] == STORY.effect]


def opened(folder: Path) -> list[str]:
    """What the browser was told to open."""
    file = folder / OPENED
    return file.read_text().split() if file.exists() else []


@needs_server
def test_who_answers_in_the_browser_is_first_though_a_line_is_being_typed_here(tmp_path: Path, display: None) -> None:
    with command_at_a_terminal(DEMO, tmp_path) as person:
        person.expect("The inbox is open in your browser")
        person.expect("alice, decide:")
        person.press("r")
        person.expect("why (the agent is told): ")
        person.press("No, because")
        (link,) = opened(tmp_path)
        with signed_in(link) as reader:
            assert "Pay money back" in reader.page("/").text
            assert reader.decide("approve") == 200
            person.expect("alice answered in the inbox: approve")
        person.expect("The refund was issued once, after alice approved it.")
        assert person.ended() == 0
    assert len(refunds(tmp_path)) == 1


@needs_server
def test_nobody_else_on_the_machine_sees_the_link(tmp_path: Path, display: None) -> None:
    """It stands on no command line, and in a file that others may not read, which is gone at the end."""
    with command_at_a_terminal(DEMO, tmp_path) as person:
        person.expect("alice, decide:")
        (link,) = opened(tmp_path)
        (given,) = (tmp_path / "arguments.txt").read_text().splitlines()
        assert (given.startswith("file:///"), link in given, "login" in given) == (True, False, False)
        assert [line[:4] for line in (tmp_path / "rights.txt").read_text().splitlines()] == ["700 ", "600 "]
        person.press("\x03")
        assert person.ended() == 0
    assert not Path(given.removeprefix("file://")).parent.exists()


@needs_server
def test_it_is_served_as_long_as_the_demo_asks_and_who_answers_here_is_first(tmp_path: Path, display: None) -> None:
    with command_at_a_terminal(DEMO, tmp_path) as person:
        person.expect("alice, decide:")
        (link,) = opened(tmp_path)
        assert httpx.get(link, timeout=PATIENCE).status_code == 200
        person.press("\x03")
        person.expect("Nobody has decided, so nothing has happened.")
        assert person.ended() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(link, timeout=PATIENCE)
    with command_at_a_terminal(DEMO, tmp_path) as person:
        person.expect("alice, decide:")
        person.press("r")
        person.expect("why (the agent is told): ")
        person.type("Not without a photo.")
        person.expect("No refund was issued: alice rejected it.")
        assert person.ended() == 0
    assert (len(opened(tmp_path)), refunds(tmp_path)) == (2, [])


@needs_server
def test_served_without_a_terminal_it_waits_for_the_inbox(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*DEMO, "--serve", "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in environment().items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")},
        cwd=tmp_path,
    ) as process:
        assert process.stderr is not None
        line = next(each for each in process.stderr if "/login/" in each)
        assert "ssh -L " in process.stderr.readline(), "who is far away is told how to come near"
        with signed_in(line.split()[-1]) as reader:
            assert reader.decide("approve") == 200
            out, _ = process.communicate(timeout=PATIENCE)
    assert json.loads(out)["verdict"] == "The refund was issued once, after alice approved it."
    assert (process.returncode, len(refunds(tmp_path))) == (0, 1)


# ── where there is none ──────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Asked:
    """What a demo is offered here, and what it says of that. No process begins."""

    folder: Path

    def offered(self, *, forced: bool = False, opens: bool = True) -> tuple[Inbox | None, str]:
        said = io.StringIO()
        world = World(self.folder, Console(file=said, width=200))
        with offered(world, Opening(world.config), "alice", forced=forced, opens=opens, again="hitl demo") as inbox:
            return inbox, said.getvalue()


def test_a_browser_that_is_not_wanted_stays_closed(tmp_path: Path, display: None) -> None:
    assert browser() is not None
    assert Asked(tmp_path).offered(opens=False) == (None, "")


def test_without_a_display_nothing_is_opened(tmp_path: Path, display: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    inbox, said = Asked(tmp_path).offered()
    assert inbox is None
    assert "No browser opens from here" in said
    assert "hitl demo --serve" in said


def test_a_mac_has_a_display_but_for_who_is_far_away(display: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    assert browser() is not None
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
    assert browser() is None


def test_a_browser_that_would_take_the_terminal_is_none(display: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BROWSER")
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("w3m"))
    assert browser() is None


@pytest.mark.parametrize("forced", [False, True])
def test_without_the_server_it_says_how_to_get_it(
    tmp_path: Path, display: None, monkeypatch: pytest.MonkeyPatch, forced: bool
) -> None:
    for name in [each for each in sys.modules if each.startswith("hitl_core.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("hitl_core.server", raising=False)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    inbox, said = Asked(tmp_path).offered(forced=forced)
    assert (inbox, "pip install 'hitl-core[server]'" in said) == (None, True)


def test_what_answers_by_itself_serves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "--serve", "--answer", "approve"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, "leave one of them out" in done.stderr) == (2, True)
    assert not (tmp_path / "hitl-demo").exists()

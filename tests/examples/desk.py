"""The refund desk in a folder of its own, worked on by real processes, with a scripted model in one more."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitl_core.cli.app import run
from hitl_core.testing.processes import Order, Processes
from hitl_core.testing.scripted_model import CallEntry, read_calls

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "refund_desk"
LITTER = shutil.ignore_patterns("*.db*", "*.jsonl", "*.key", "*.lock", "__pycache__", ".hitl")
PATIENCE_S = 180.0
SHOWN = re.compile(r"\brequest +([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")

COMPLETED, FAILED, PAUSED = 0, 1, 3


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended: its exit status and the JSON document it wrote."""

    status: int
    document: Any


@dataclass(frozen=True, slots=True)
class Desk:
    """One copy of the example. Every method that works on it has a process of its own."""

    folder: Path
    environment: dict[str, str]
    config: str = "hitl.toml"
    parent: Processes | None = None
    """Who forks the commands that are not killed: one that has the framework, which takes seconds to import."""

    @property
    def calls(self) -> tuple[CallEntry, ...]:
        """Every call that the model got."""
        return read_calls(self.folder / "calls.jsonl")

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """Every effect that happened, in order."""
        path = self.folder / "ledger.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def hitl(self, *arguments: str) -> Ended:
        """Run `hitl … --json` to its end, with nobody at a terminal."""
        status, out, err = (self._started if self.parent is None else self._forked)(*arguments, "--json")
        assert out, f"hitl {' '.join(arguments)} ended with {status}:\n{err}"
        return Ended(status, json.loads(out))

    def _started(self, *arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            self._command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        return done.returncode, done.stdout, done.stderr

    def _forked(self, *arguments: str) -> tuple[int, str, str]:
        assert self.parent is not None
        said = self._command(*arguments)[3:]
        order = Order.of(command, arguments=said, folder=str(self.folder), environment=self.environment)
        ended = self.parent.run(order)
        assert ended.result is not None, ended
        status, out, err = ended.result
        return status, out, err

    def killed_at_the_next_pause(self, *arguments: str) -> dict[str, Any]:
        """Run `hitl …` at a terminal, where it shows a request and waits for a person, and kill -9 it there.

        Returns the request as another process sees it afterwards.
        """
        ours, its = pty.openpty()
        process = subprocess.Popen(
            self._command(*arguments),
            cwd=self.folder,
            env={**self.environment, "TERM": "dumb"},
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        try:
            shown = _shown_request(ours)
        finally:
            process.send_signal(signal.SIGKILL)
            status = process.wait()
            os.close(ours)
        assert status == -signal.SIGKILL, f"it had ended with {status} before it was killed"
        [request] = [request for request in self.inbox() if request["id"] == shown]
        return request

    def inbox(self) -> list[dict[str, Any]]:
        """The open requests, as another process sees them."""
        found: list[dict[str, Any]] = self.hitl("inbox").document["requests"]
        return found

    def respond(self, request: dict[str, Any], *answer: str) -> Ended:
        """Answer a request from a process of its own."""
        return self.hitl("respond", request["id"], *answer, "--as", "lead-1")

    def run_of(self, request: dict[str, Any]) -> str:
        """The id of the run that a request belongs to."""
        return str(request["run_id"])

    def _command(self, *arguments: str) -> list[str]:
        name, *others = arguments
        return [sys.executable, "-m", "hitl_core.cli", name, "-c", self.config, *others]


def command(arguments: list[str], folder: str, environment: dict[str, str]) -> tuple[int, str, str]:
    """`hitl …` in a process that was forked for it: its exit status, and what it printed."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path.insert(0, folder)
    with open(os.devnull) as nobody:
        os.dup2(nobody.fileno(), 0)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run(arguments)
    return status, out.getvalue(), err.getvalue()


def _shown_request(terminal: int) -> str:
    """Read a terminal until it shows a request; its id."""
    seen, limit = "", time.monotonic() + PATIENCE_S
    while time.monotonic() < limit:
        readable, _, _ = select.select([terminal], [], [], 1.0)
        try:
            seen += os.read(terminal, 65_536).decode(errors="replace") if readable else ""
        except OSError:  # the process has ended
            break
        if found := SHOWN.search(seen):
            return found[1]
    raise AssertionError(f"no request was shown:\n{seen}")


@contextmanager
def opened(folder: Path, *, config: str = "hitl.toml", parent: Processes | None = None) -> Iterator[Desk]:
    """A desk with its model at work."""
    shutil.copytree(EXAMPLE, folder, ignore=LITTER)
    command = [sys.executable, "-m", "hitl_core.testing.scripted_model", "script.toml", "--log", "calls.jsonl"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as model:
        assert model.stdout is not None
        try:
            yield Desk(folder, scripted_environment(model.stdout.readline().strip()), config, parent)
        finally:
            model.terminate()


def scripted_environment(base_url: str) -> dict[str, str]:
    """Our environment without whatever points at a real model, a real store or a real ledger."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HITL_", "OPENAI_", "REFUND_"))}
    return kept | {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "scripted", "LANGSMITH_TRACING": "false"}

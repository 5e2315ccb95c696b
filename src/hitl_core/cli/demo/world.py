"""What the demo stands on: its folder with the story, the model's process, and processes that each run one `hitl`."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from ...errors import ConfigError, Fault
from ...protocol import Json, RunState
from ..errors_shown import WrongUsage
from ..terminal.render import shown

_PACKAGE: Final = Path(__file__).resolve().parents[2]
_LEFT_BEHIND: Final = ("*.db*", "*.jsonl", "*.key", "__pycache__", ".*")
"""What an earlier run of the story may have left beside it."""


@dataclass(frozen=True, slots=True)
class Story:
    """The names in the story that the demo speaks of."""

    folder: str = "refund_desk"
    script: str = "script.toml"
    ledger: str = "ledger.jsonl"
    ledger_setting: str = "REFUND_DESK_LEDGER"
    effect: str = "issue_refund"
    noun: str = "refund"


STORY: Final = Story()


def story_dir() -> Path:
    """The story's own files: in the checkout, else the copy in the wheel. Raises ConfigError if there is neither."""
    checkout = _PACKAGE.parents[1] / "examples" / STORY.folder
    packed = _PACKAGE / "demo" / STORY.folder
    for folder in (checkout, packed):
        if (folder / "hitl.toml").exists():
            return folder
    raise ConfigError([Fault(STORY.folder, f"is missing from this installation; looked in {checkout} and {packed}")])


@dataclass(frozen=True, slots=True)
class World:
    """The folder of one demo, and the environment of its processes."""

    folder: Path
    console: Console
    environment: Mapping[str, str] = field(default_factory=dict)
    scripted: bool = True
    wait: Callable[[int | None], None] = lambda file: None
    """Waits until a file can be read, or without one for a moment, where there is something else to heed meanwhile."""

    @property
    def config(self) -> Path:
        return self.folder / "hitl.toml"

    @property
    def ledger(self) -> Path:
        return self.folder / STORY.ledger

    def hitl(self, *arguments: str) -> dict[str, Any]:
        """Run one `hitl` command in a new process, its progress on our standard error; returns its JSON document.

        If the run waits, that process is killed: what comes next cannot come from its memory. Ctrl-C ends us, not it.
        """
        wanted = (*arguments, "-c", str(self.config))
        command = (sys.executable, "-P", "-m", "hitl_core.cli", *wanted, "--json", "--progress", "--stay")
        said = shlex.join(("hitl", *wanted))
        with _started(command, self.environment) as process:
            self.console.print(Text.assemble(("$ ", "dim"), shown(said), (f"    (process {process.pid})", "dim")))
            document = self.document(process, said)
            if document["state"] == RunState.PAUSED:
                process.kill()
        how = "has ended" if process.returncode >= 0 else "held the run when it paused, and was killed (SIGKILL)"
        self.console.print(Text(f"process {process.pid} {how}", "dim"))
        return document

    def beside(self, *arguments: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """One `hitl` command that goes on beside the story, in a process that ends with the block."""
        return _started((sys.executable, "-P", "-m", "hitl_core.cli", *arguments), self.environment)

    def document(self, process: subprocess.Popen[bytes], said: str) -> dict[str, Any]:
        """The one JSON document that a process writes. Raises ConfigError if it is an error, or there is none."""
        return _document(self._written(process), said)

    def _written(self, process: subprocess.Popen[bytes]) -> str:
        """The one JSON document that a process writes; it may go on after that."""
        assert process.stdout is not None
        written, file = b"", process.stdout.fileno()
        while not written.endswith(b"\n}\n"):
            self.wait(file)
            if not (more := os.read(file, 65_536)):
                break
            written += more
        return written.decode()

    def effects(self, run_id: str) -> list[dict[str, Json]]:
        """The lines that this run wrote into the ledger: what really happened."""
        if not self.ledger.exists():
            return []
        lines = [json.loads(line) for line in self.ledger.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if str(line.get("key", "")).startswith(f"{run_id}:")]


@contextmanager
def _started(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that no key pressed here reaches, and that does not outlive the block if that fails."""
    with subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def _document(written: str, said: str) -> dict[str, Any]:
    try:
        document = json.loads(written)
    except ValueError:
        raise ConfigError([Fault(said, "ended without a result; its messages are above")]) from None
    if isinstance(error := document.get("error"), dict):
        faults = [Fault(each["path"], each["problem"]) for each in error["faults"]]
        raise ConfigError(faults or [Fault(said, f"{error['code']} {error['message']}")])
    return dict(document)


def set_up(folder: Path) -> bool:
    """Copy the story into its folder; False if one is there already. Raises WrongUsage, ConfigError."""
    if (folder / "hitl.toml").exists():
        return False
    if folder.exists() and any(folder.iterdir()):
        raise WrongUsage([Fault("--dir", f"{str(folder)!r} holds something else; name an empty or a new folder")])
    shutil.copytree(story_dir(), folder, ignore=shutil.ignore_patterns(*_LEFT_BEHIND), dirs_exist_ok=True)
    return True


@contextmanager
def opened(folder: Path, console: Console, *, scripted: bool, wait: Callable[[int | None], None]) -> Iterator[World]:
    """The world of a demo. The model is your own if OPENAI_API_KEY is set, else a process that plays the script."""
    surroundings = {**os.environ, STORY.ledger_setting: str((folder / STORY.ledger).resolve())}
    if os.environ.get("OPENAI_API_KEY") and not scripted:
        where = os.environ.get("OPENAI_BASE_URL") or "its provider's own address"
        console.print(shown(f"model: the real one at {where}: OPENAI_API_KEY is set (--scripted plays the script)"))
        yield World(folder, console, surroundings, scripted=False, wait=wait)
        return
    with _scripted_model(folder) as url:
        console.print(shown(f"model: the script {STORY.script}, played at {url} (set OPENAI_API_KEY for a real one)"))
        surroundings |= {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "scripted"}
        yield World(folder, console, surroundings, wait=wait)


@contextmanager
def _scripted_model(folder: Path) -> Iterator[str]:
    """The model's process; gives its base URL and ends it afterwards."""
    module = "hitl_core.testing.scripted_model"
    command = (sys.executable, "-P", "-m", module, str(folder / STORY.script), "--log", str(folder / "model.jsonl"))
    with _started(command) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().decode().strip()
            if not url:
                raise ConfigError([Fault(STORY.script, "the scripted model did not start; its message is above")])
            yield url
        finally:
            process.terminate()

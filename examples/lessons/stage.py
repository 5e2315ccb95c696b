"""What the three lessons stand on: a folder of their own, a scripted model, people who answer, and a verdict.

A lesson is a few scenes. Each is told in plain words and checks what it says against the ledger and the record. The
last line is the verdict on all of them, and the exit status is 0 only if every check held.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from hitl_core import Config, ConfigError, HitlError, PauseRequest, Preview, Responder, Response, Run, Runtime, connect
from hitl_core.channels.plain_text import visible
from hitl_core.cli.terminal.keyboard import Keyboard
from hitl_core.cli.terminal.prompt import Prompt
from hitl_core.cli.terminal.render import request_panel
from hitl_core.commands import Effect, ReadAudit
from hitl_core.errors import AdapterNotFound, AdapterNotInstalled
from hitl_core.lifecycle import ActionState
from hitl_core.people import PeopleFile
from hitl_core.protocol import UNDO, Arguments, AuditEntry
from hitl_core.testing.clock import ManualClock
from hitl_core.testing.scripted_model import ScriptedModel, load_script

FILES: Final = ("hitl.toml", "policy.toml", "people.toml", "script.toml", "story.py")
WIDTH: Final = 100
INDENT: Final = "    "
LEDGER: Final = "ledger.jsonl"


class OwnWay(Exception):
    """With --ask, you have decided otherwise than the script: the rest of the scene is about something else."""


@dataclass
class Stage:
    """One telling of a lesson. `hitl` is the app under oversight; `clock` is its time, where that moves by hand."""

    hitl: Runtime
    folder: Path
    clock: ManualClock | None
    asks: bool
    checks: list[tuple[str, bool]] = field(default_factory=list)
    seen: int = 0
    console: Console = field(default_factory=lambda: Console(width=WIDTH, highlight=False))

    # ── telling ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, text: str) -> None:
        """A paragraph. What cannot be seen in it is written out."""
        print(textwrap.fill(visible(text), WIDTH, initial_indent=INDENT, subsequent_indent=INDENT), flush=True)

    async def panel(self, request: PauseRequest) -> str:
        """A request as it stands in a person's terminal; also returned."""
        with self.console.capture() as caught:
            self.console.print(request_panel(await self.hitl.request(request.id), now=self.now()))
        print(caught.get(), end="", flush=True)
        return caught.get()

    def check(self, sentence: str, holds: bool) -> None:
        """A sentence of the lesson, and whether it is true."""
        self.checks.append((sentence, holds))
        print(f"  {'ok' if holds else 'NO'}  {visible(sentence)}", flush=True)

    # ── acting ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def now(self) -> datetime:
        return datetime.now(UTC) if self.clock is None else self.clock.now()

    def later(self, **time: float) -> None:
        """Time passes; nobody waits for it."""
        assert self.clock is not None
        self.clock.advance(**time)
        self.tell(f"... it is {self.clock.now():%A, %d %B, %H:%M} ...")

    async def start(self, task: str, *, by: str | None = None) -> Run:
        """The agent gets to work."""
        self.tell(f"The agent gets to work{f', for {by}' if by else ''}: {task}")
        return await self.hitl.start({"task": task}, by=by)

    async def asked(self, run: Run) -> PauseRequest:
        """The one thing that a run asks now."""
        (request,) = (await self.hitl.run(run.id)).pending
        arguments = json.dumps(request.action.arguments, ensure_ascii=False)
        self.tell(f"It wants {request.action.tool} {arguments}. The policy: {request.because.why}")
        return request

    async def decide(self, scripted: Response, *, main: bool = False) -> None:
        """A person answers; with --ask at a main decision, that is you. Raises OwnWay if you say something else."""
        given = await self._yours(scripted) if self.asks and main else scripted
        await self.hitl.respond(given)
        self.tell(f"{given.responder.id} decides: {in_words(given)}")
        if given.decision != scripted.decision:
            raise OwnWay

    async def refused(self, deed: Awaitable[Any]) -> str:
        """Something that must not be possible: the words with which it was refused, or "" if it was not."""
        try:
            await deed
        except HitlError as exc:
            self.tell(f"Refused: {exc}")
            return str(exc)
        self.tell("Nobody refused it.")
        return ""

    async def _yours(self, scripted: Response) -> Response:
        loop, person = asyncio.get_running_loop(), scripted.responder.id
        known = await PeopleFile(self.folder / "people.toml").person(person)
        who = Responder(id=person, roles=() if known is None else known.acts_in, channel="terminal")

        def preview(request: PauseRequest, arguments: Arguments) -> Preview | None:
            return asyncio.run_coroutine_threadsafe(self.hitl.preview(request, arguments), loop).result()

        self.tell(f"You are {person} now. The script says, and you leave it to it with q: {in_words(scripted)}")
        prompt = Prompt(self.console, Keyboard(), who, now=self.now, preview=preview)
        given = await asyncio.to_thread(prompt.ask, await self.hitl.request(scripted.request_id))
        return scripted if given is None else given

    # ── what really happened ─────────────────────────────────────────────────────────────────────────────────────────

    def ledger(self) -> list[dict[str, Any]]:
        """Every effect that tools have really had, in order: they write it themselves."""
        path = self.folder / LEDGER
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def ran(self, *expected: tuple[str, dict[str, Any]]) -> None:
        """Check that exactly these effects have come since the last look."""
        new = self.ledger()[self.seen :]
        self.seen += len(new)
        found = [(line["effect"], line["arguments"]) for line in new]
        said = ", ".join(f"{effect} {json.dumps(arguments, ensure_ascii=False)}" for effect, arguments in found)
        self.check(f"what ran: {said or 'nothing'}", found == list(expected))

    async def trail(self, event: str = "") -> list[AuditEntry]:
        """The audit trail, or the lines of one event."""
        lines = (await self.hitl.store.fetch(ReadAudit(limit=10_000))).items
        return [line for line in lines if event in ("", line.event)]

    async def as_recorded(self) -> None:
        """Check the ledger against the record, both ways, and the record against its own seals."""
        runs = (await self.hitl.runs(limit=1000)).items
        kept = [(run, effect) for run in runs for effect in await self.hitl.effects(run.id)]
        executed = {f"{run.id}:{each.call}": _done(each) for run, each in kept if each.state is ActionState.EXECUTED}
        written = {line["key"]: (line["effect"], line["arguments"]) for line in self.ledger()}
        count = len(self.ledger())
        self.check(f"each of the {count} effects has a key of its own: none came twice", len(written) == count)
        self.check("what ran is what is recorded as run, with the same arguments", written == executed)


def _done(effect: Effect) -> tuple[str, Any]:
    """What was done, with which arguments; of an undo, those of the call that it takes back."""
    tool, arguments = effect.action.tool, effect.action.arguments
    return tool, arguments["arguments"] if tool.startswith(UNDO) else arguments


def in_words(response: Response) -> str:
    """What somebody said: the decision, what belongs to it, and the reason."""
    given = response.decision.model_dump(exclude={"type"}, exclude_defaults=True)
    details = f" {json.dumps(given, ensure_ascii=False)}" if given else ""
    return f"{response.decision.type}{details}{f', because: {response.reason}' if response.reason else ''}"


def hitl_process(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One `hitl` command in a process of its own."""
    command = [sys.executable, "-m", "hitl_core.cli", *words]
    return subprocess.run(  # noqa: S603  # our own interpreter and module
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


# ── from the command line to the verdict ─────────────────────────────────────────────────────────────────────────────

Scene = Callable[[Stage], Awaitable[None]]


def tell(lesson: str, scenes: Sequence[Scene], *, clock: ManualClock | None = None) -> int:
    """Tell the lesson in the folder of the file `lesson`; the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m examples.lessons.{Path(lesson).parent.name}")
    parser.add_argument(
        "--backend", metavar="NAME", help="the framework that builds the agent; default: one that is installed"
    )
    parser.add_argument("--ask", action="store_true", help="make the main decisions yourself, at this terminal")
    parser.add_argument("--dir", type=Path, help="tell it there and keep it; files that are there already are used")
    asked = parser.parse_args()
    if asked.ask and not (sys.stdin.isatty() and sys.stdout.isatty()):
        parser.error("--ask needs a terminal")
    with ExitStack() as stack:
        folder = asked.dir or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        print(f"The lesson {Path(lesson).parent.name!r}, told in {folder}")
        try:
            _set_up(folder, Path(lesson).parent)
        except FileExistsError as exc:
            parser.error(str(exc))
        model = stack.enter_context(ScriptedModel(load_script(folder / "script.toml"), log=folder / "calls.jsonl"))
        _environment(model.base_url, asked.backend)
        try:
            config = Config.load(folder / "hitl.toml")
            return asyncio.run(_told(config, scenes, clock=clock, asks=asked.ask))
        except ConfigError as exc:
            parser.error(str(exc))
        except (AdapterNotFound, AdapterNotInstalled) as exc:
            parser.error(f"{exc}; or name another with --backend")


async def _told(config: Config, scenes: Sequence[Scene], *, clock: ManualClock | None, asks: bool) -> int:
    async with connect(config, clock=clock) as hitl:
        await hitl.attach()
        stage = Stage(hitl, config.folder, clock, asks)
        for number, scene in enumerate(scenes, 1):
            print(f"\n{number}. {inspect.getdoc(scene)}\n")
            await _scene(stage, scene)
        print(f"\n{len(scenes) + 1}. What ran is what was recorded, and the record is whole\n")
        await stage.as_recorded()
    verified = hitl_process(config.folder, "audit", "verify")
    stage.check("the audit trail is as it was sealed: `hitl audit verify`", verified.returncode == 0)
    return _verdict(stage.checks)


def _verdict(checks: list[tuple[str, bool]]) -> int:
    """The last line, and the exit status."""
    wrong = [sentence for sentence, holds in checks if not holds]
    if not wrong:
        print(f"\nVERDICT: as the lesson says, in {len(checks)} of {len(checks)} checks.")
        return 0
    print(f"\nVERDICT: NOT AS THE LESSON SAYS, in {len(wrong)} of {len(checks)} checks:")
    print("\n".join(f"  NO  {sentence}" for sentence in wrong))
    return 1


async def _scene(stage: Stage, scene: Scene) -> None:
    """One scene to its end. What breaks it off counts as a check that does not hold."""
    try:
        await scene(stage)
    except OwnWay:
        stage.tell("That is not what the script says, so this scene ends here, and its checks are left out.")
        for run in (await stage.hitl.runs(limit=1000)).items:
            await stage.hitl.wait(run.id)
        stage.seen = len(stage.ledger())
    except Exception as exc:  # a lesson that cannot be told has failed
        if not isinstance(exc, HitlError):
            traceback.print_exc()
        stage.check(f"this scene can be told to its end ({type(exc).__name__}: {exc})", False)


def _set_up(folder: Path, lesson: Path) -> None:
    """The lesson's files, where they are not there yet. One telling to a folder: its store and ledger are new."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "hitl.db").exists():
        raise FileExistsError(f"a lesson was told in {folder} before: take another folder, or remove hitl*.db* there")
    for name in FILES:
        if not (folder / name).exists():
            shutil.copyfile(lesson / name, folder / name)


def _environment(base_url: str, backend: str | None) -> None:
    """The model is the script's, and the configuration is the lesson's; also in processes that are started here."""
    for name in [name for name in os.environ if name.startswith("HITL_")]:
        del os.environ[name]
    os.environ |= {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "scripted", "LANGSMITH_TRACING": "false"}
    os.environ |= {} if backend is None else {"HITL_BACKEND": backend}

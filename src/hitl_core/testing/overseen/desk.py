"""The desk of one story: a folder with a configuration, people and rules, and processes that come and go in it.

desk.plays(Scene.of(pay()), rule("two", …))     # what the agent wants to do, and what the policy says
desk.starts(by="ann")                           # the agent's process; it is gone, or dead, while its run waits
desk.hitl("respond", …, "--as", "bob")          # a person's process: how the command ended, and what it said
desk.ledger(), desk.trail("request.decided")    # what really happened, and what is recorded of it
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from ...apps import AppSource
from ...commands import Effect, ReadAudit, Settled
from ...config import connect
from ...protocol import AuditEntry, AuditEvent, Json, PauseRequest, Run
from ...runtime import Runtime
from ..conformance.elsewhere import scene_of
from ..conformance.expect import NotKept, expect, expect_in, expect_that
from ..conformance.kit import Kit
from ..conformance.scenes import Scene
from ..conformance.stage import MODEL_LOG, Stage
from ..conformance.world import only, toml
from ..databases import own_store
from ..kills.life import AskingStage
from ..kills.run import script_for
from ..processes import Ended, Order, Processes, name_of, named
from ..scripted_model import ScriptedModel
from .acts import CONFIG, PID, command, goes_home, starts_and_dies, sweeps

T = TypeVar("T")

PEOPLE: Final = {
    "ann": ("finance",),
    "bob": ("finance",),
    "cyn": ("finance",),
    "lia": ("lead",),
    "max": ("operator",),
    "uma": ("operator",),
}
"""Who works there, and their roles. The agent runs for Ann, who is an approver herself."""

OWNER: Final = "ann"

_CONFIG: Final = """[backend]
name = "{backend}"
app = "overseen_app:app"
options = {options}

[store]
url = {store}

[policy]
file = "policy.toml"

[people]
file = "people.toml"

[authority]
stop = ["operator"]
lift = ["operator", "lead"]
grant = ["finance"]
undo = ["operator"]
cancel = ["operator"]
"""

_APP: Final = """from hitl_core.testing.overseen.desk import app_of

app = app_of(__file__)
"""


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit status, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """All that it printed, without line breaks and frames."""
        return " ".join(f"{self.out} {self.err}".replace("│", " ").split())


def app_of(file: str) -> Any:
    """The app of the scene that stands beside the file of its module."""
    folder = Path(file).parent
    told = json.loads((folder / "scene.json").read_text(encoding="utf-8"))
    kit: Kit = named(told["kit"])()
    source: AppSource = kit.app(scene_of(told["scene"]), AskingStage(folder, told["model_url"], told["store_url"]))
    return source.load()


class Desk:
    """One folder, one store and one model. Nothing else is shared between the processes."""

    def __init__(self, kit: Kit, folder: Path, processes: Processes, model_url: str, store_url: str) -> None:
        self.kit = kit
        self.folder = folder
        self.stage = Stage(folder, model_url, store_url)
        self._processes = processes
        self._numbers = itertools.count(1)

    # ── what is configured ───────────────────────────────────────────────────────────────────────────────────

    def opens(self, scene: Scene) -> None:
        """Write down the app, the configuration and the people."""
        told = {
            "kit": name_of(type(self.kit)),
            "scene": asdict(scene),
            "model_url": self.stage.model_url,
            "store_url": self.stage.store_url,
        }
        people = "".join(f"[people.{name}]\nroles = {toml(list(roles))}\n" for name, roles in PEOPLE.items())
        options, store = toml(dict(self.kit.options(self.stage))), toml(self.stage.store_url)
        config = _CONFIG.format(backend=self.kit.backend, options=options, store=store)
        self._write("scene.json", json.dumps(told))
        self._write("overseen_app.py", _APP)
        self._write("people.toml", people)
        self._write(CONFIG, config)

    def rules(self, *rules: str, version: str = "1") -> None:
        """Put a policy file in force: rules as `conformance.world.rule` writes them."""
        self._write("policy.toml", f'version = "{version}"\n' + "".join(rules))

    def _write(self, name: str, text: str) -> None:
        new = self.folder / f"{name}.new"
        new.write_text(text, encoding="utf-8")
        new.replace(self.folder / name)

    # ── processes ────────────────────────────────────────────────────────────────────────────────────────────

    def hitl(self, *arguments: str) -> Done:
        """One command, in a process of its own."""
        (done,) = self.at_once(arguments)
        return done

    def at_once(self, *commands: Sequence[str], after: Sequence[float] = ()) -> list[Done]:
        """Commands at the same time, each in a process of its own; `after`: the seconds that each waits first."""
        moments = (*after, *[0.0] * len(commands))
        orders = [self._command(each, begin_after=moment) for each, moment in zip(commands, moments, strict=False)]
        return [_done(each) for each in self._processes.together(*orders)]

    def starts(self, *, by: str = OWNER) -> Run:
        """The agent's process: it works until its run waits for people, and is killed there."""
        (run,) = self.starts_several(1, by=by)
        return run

    def starts_several(self, count: int, *, by: str = OWNER) -> list[Run]:
        """As `starts`, where one process has several runs; the oldest first."""
        given = [f"This is run {next(self._numbers)}." for _ in range(count)]
        ended = self._processes.run(Order.of(starts_and_dies, folder=str(self.folder), given=given, by=by))
        if not ended.killed:
            raise NotKept(f"the agent's process was not killed while its runs waited: {ended}")
        return self._newest(count)

    def leaves(self, *, by: str = OWNER) -> Run:
        """The agent's process as a command: it ends in good order while its run waits for people."""
        done = self.hitl("run", "--input", json.dumps(f"This is run {next(self._numbers)}."), "--by", by)
        expect("the exit status of a run that waits", done.code, 3)
        return self.newest()

    def killed(self, *arguments: str) -> None:
        """A command whose process does not live to its end. Raises NotKept if it does."""
        ended = self._processes.run(self._command(arguments))
        if not ended.killed:
            raise NotKept(f"the process of {' '.join(arguments)!r} was not killed: {ended}")

    def sweeps(self, request: PauseRequest, event: AuditEvent) -> None:
        """A process that fires what is due, until that has happened to the request."""
        given = {"folder": str(self.folder), "request": request.id, "event": event.value}
        _result(self._processes.run(Order.of(sweeps, **given)))

    def works_until(self, run: Run, state: str) -> Done:
        """A worker that is told to end by another process, which has seen the run in this state."""
        (self.folder / PID).unlink(missing_ok=True)
        home = Order.of(goes_home, folder=str(self.folder), run=run.id, state=state)
        working, ended = self._processes.together(self._command(("worker",), pid=True), home)
        _result(ended)
        return _done(working)

    def _command(self, arguments: Sequence[str], *, begin_after: float = 0.0, **more: Any) -> Order:
        given = {"arguments": list(arguments), "folder": str(self.folder), **more}
        return Order(name_of(command), given, begin_after=begin_after)

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────

    def answers(self, who: str, request: PauseRequest, *said: str) -> Done:
        """Somebody answers at a terminal of their own."""
        return self.hitl("respond", request.id, *said, "--as", who, "--json")

    def works(self) -> int:
        """A worker until there is nothing left to do now; its turns."""
        done = self.hitl("worker", "--until-idle", "--json")
        expect("the exit status of the worker", done.code, 0)
        return int(done.json["turns"])

    def refused(self, done: Done, *, code: str, says: str) -> None:
        """The command was refused by that error and in such words. Raises NotKept."""
        expect("the exit status of what is refused", done.code, 1)
        expect("the error", done.json["error"]["code"], code)
        expect_in("what is said", says, done.json["error"]["message"])

    # ── looking ──────────────────────────────────────────────────────────────────────────────────────────────

    def ledger(self, tool: str = "") -> list[dict[str, Any]]:
        """What really happened, in order: the tool, its arguments, the key of its call."""
        return self.stage.happened(tool)

    def run(self, run: Run) -> Run:
        """A run as it is stored now."""
        return self._looks(lambda hitl: hitl.run(run.id))

    def newest(self) -> Run:
        """The run that was started last."""
        (run,) = self._newest(1)
        return run

    def _newest(self, count: int) -> list[Run]:
        async def look(hitl: Runtime) -> list[Run]:
            listed = (await hitl.runs(limit=count)).items
            return [await hitl.run(each.id) for each in reversed(listed)]

        return self._looks(look)

    def asked(self, run: Run) -> PauseRequest:
        """The one request that a run waits for now."""
        return only(self.run(run))

    def request(self, request: PauseRequest) -> Settled:
        """A request as it is stored now, with its answers."""
        return self._looks(lambda hitl: hitl.request(request.id))

    def effects(self, run: Run) -> tuple[Effect, ...]:
        """What a run has begun, and what came of it."""
        return self._looks(lambda hitl: hitl.effects(run.id))

    def trail(self, *events: str, about: str = "") -> list[AuditEntry]:
        """The lines of the audit trail about these events, or about one run or request too."""
        page = self._looks(lambda hitl: hitl.store.fetch(ReadAudit(limit=100_000)))
        found = [entry for entry in page.items if not events or entry.event in events]
        return [entry for entry in found if about in entry.subject or about in entry.body]

    def _looks(self, look: Callable[[Runtime], Awaitable[T]]) -> T:
        async def looking() -> T:
            async with connect(self.folder / CONFIG) as hitl:
                return await look(hitl)

        return asyncio.run(looking())

    def thought_once(self) -> None:
        """However many processes there were, the model was asked nothing twice. Raises NotKept."""
        expect_that("the model was asked", self.stage.thoughts() > 0)
        expect("what the model was asked again", self.stage.repeated_thoughts(), 0)

    def verified(self) -> None:
        """The trail is whole. Raises NotKept."""
        done = self.hitl("audit", "verify", "--json")
        expect("the audit trail", (done.code, done.json["ok"]), (0, True))


def body(entry: AuditEntry) -> dict[str, Json]:
    """What a line of the trail says."""
    made: dict[str, Json] = json.loads(entry.body)
    return made


@contextmanager
def desk(kit: Kit, scene: Scene, folder: Path, processes: Processes, store: str = "") -> Iterator[Desk]:
    """A desk with its model, on loopback, and a store of its own in the database `store` (`databases.own_store`)."""
    folder.mkdir(parents=True, exist_ok=True)
    script = script_for(scene)
    with own_store(store, folder) as url, ScriptedModel(script, log=folder / MODEL_LOG, log_bodies=True) as model:
        opened = Desk(kit, folder, processes, model.base_url, url)
        opened.opens(scene)
        yield opened


def _done(ended: Ended) -> Done:
    return Done(*_result(ended))


def _result(ended: Ended) -> Any:
    if ended.error or ended.signal:
        raise NotKept(f"a process of the story failed: {ended.error or f'signal {ended.signal}'}")
    return ended.result

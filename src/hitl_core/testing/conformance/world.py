"""One behaviour's fresh world: a stage, a clock moved by hand, a policy, a scripted model, and runtimes to act with.

run = await world.start(Scene.of(pay()))       # the agent wants to pay, and the run waits
run = await world.decide(run, "approve")       # a person says so, and the run goes on
world.paid()                                   # what really happened
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from ...audit import Report, verify
from ...commands import ListRequests, ReadAudit, Recorded
from ...config import Config, make_adapter, open_store
from ...contracts import Adapter, Channel, Store, every
from ...errors import CapabilityNotSupported
from ...gate import Surroundings
from ...lifecycle import RequestState
from ...people import Directory, PeopleFile
from ...policy import Policy
from ...protocol import AuditEntry, Json, PauseRequest, Response, Run, RunState
from ...runtime import Runtime, Settings
from ...tools import Catalogue
from ..clock import START, ManualClock
from ..databases import A_FILE
from ..processes import name_of
from ..scripted_model import ScriptedModel
from .expect import NotKept, amounts
from .kit import Kit, script_of
from .scenes import Scene
from .stage import MODEL_LOG, Stage

if TYPE_CHECKING:
    from ..processes import Ended, Processes
    from .elsewhere import Act

LEASE: Final = 30.0
"""Seconds that a worker holds a run without a sign of life."""


@dataclass(frozen=True)
class Parts:
    """What a runtime is put together with; the broken ones replace a part."""

    adapter: Callable[[Adapter], Adapter] = lambda adapter: adapter
    store: Callable[[Store], Store] = lambda store: store
    runtime: type[Runtime] = Runtime


@dataclass
class World:
    """Where one behaviour happens. Change `policy` or move `clock` at any time; `tells_everything` and `transcripts`
    before acting."""

    kit: Kit
    folder: Path
    parts: Parts = field(default_factory=Parts)
    parts_name: str = ""
    model_url: str = ""
    store_url: str = A_FILE
    policy: Policy = field(default_factory=lambda: Policy([], version="1"))
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    scene: Scene = field(default_factory=Scene)
    runs: int = 0
    redact: tuple[str, ...] = ()
    tells_everything: bool = False
    transcripts: bool = False
    processes: Callable[[], Processes] | None = None

    def __post_init__(self) -> None:
        self.policy_text = ""
        self.directory: Directory | None = None
        self._open: Runtime | None = None
        self._stack = AsyncExitStack()
        self._model: ScriptedModel | None = None

    async def close(self) -> None:
        """Close what is open; the model also where something else does not close."""
        try:
            await self.leave()
        finally:
            if self._model is not None:
                self._model.stop()

    # ── acting ───────────────────────────────────────────────────────────────────────────────────────────────

    def rules(self, *rules: str, version: str = "1") -> None:
        """Put a policy in force: rules as `rule` writes them."""
        self.policy_text = f'version = "{version}"\n' + "".join(rules)
        self.policy = Policy.from_toml(self.policy_text)

    def people(self, text: str) -> None:
        """Put a directory in force, as people.toml writes it; before a runtime of this process is opened."""
        path = self.folder / "people.toml"
        path.write_text(text, encoding="utf-8")
        self.directory = PeopleFile(path)

    async def start(self, scene: Scene | None = None, *, by: str | None = None) -> Run:
        """Start a run of the scene (or of the one before) and work on it until it pauses or ends."""
        if scene is not None:
            self.sets(scene)
        self.runs += 1
        text = f"This is run {self.runs}."
        given: Json = {"task": text} if self.scene.native else text
        hitl = await self.hitl()
        return supported(await hitl.start(given, by=by, tools=self.scene.client))

    async def say(self, request: PauseRequest, decision: str, *fields: Any, **details: Any) -> Recorded:
        """Answer a request: `decision` is approve, edit, reject …"""
        return await self.respond(answer(request, decision, *fields, **details))

    async def respond(self, response: Response) -> Recorded:
        return await (await self.hitl()).respond(response)

    async def decide(self, run: Run, decision: str, *fields: Any, **details: Any) -> Run:
        """Answer the one request of a run, and let the run go on."""
        await self.say(only(run), decision, *fields, **details)
        return await self.resume(run)

    async def resume(self, run: Run) -> Run:
        """Let a run go on, if it can."""
        return supported(await (await self.hitl()).resume(run.id))

    async def wait(self, run: Run) -> Run:
        """Bring a run to its next pause or end."""
        return supported(await (await self.hitl()).wait(run.id, timeout=120))

    # ── runtimes ─────────────────────────────────────────────────────────────────────────────────────────────

    def sets(self, scene: Scene) -> None:
        """What the agent will do; its model starts with the first scene of a world."""
        self.scene = scene
        if self.model_url or not scene.turns:
            return
        self._model = ScriptedModel(script_of(scene), log=self.folder / MODEL_LOG, log_bodies=True)
        self._model.start()
        self.model_url = self._model.base_url

    async def hitl(self) -> Runtime:
        """The runtime of this process; it is opened when it is first needed."""
        if self._open is None:
            self._open = await self._stack.enter_async_context(self.another())
        return self._open

    async def leave(self) -> None:
        """This process ends in good order; what acts next is another one."""
        self._open = None
        await self._stack.aclose()
        self._stack = AsyncExitStack()

    async def changes_to(self, scene: Scene) -> None:
        """The app is changed and started anew, while what waits goes on waiting."""
        await self.leave()
        self.scene = scene

    @asynccontextmanager
    async def another(
        self, *, channels: tuple[Channel, ...] = (), wrap: Callable[[Store], Store] = lambda store: store
    ) -> AsyncIterator[Runtime]:
        """A runtime as a process of its own would have it: its own store object, adapter and owner."""
        config, catalogue = self.config(), Catalogue(redact=self.redact)
        store = wrap(self.parts.store(await open_store(config, self.clock)))
        around = Surroundings(
            store=store,
            policy=lambda: self.policy,
            clock=self.clock,
            catalogue=catalogue,
            directory=self.directory,
            tells_everything=self.tells_everything,
        )
        adapter = self.parts.adapter(make_adapter(config, catalogue))
        settings = Settings(app=config.app.reference, lease_seconds=LEASE, transcripts=self.transcripts)
        opened = self.parts.runtime(adapter=adapter, around=around, settings=settings, channels=channels)
        async with opened as runtime:
            yield runtime

    def adapter(self) -> Adapter:
        """The adapter itself, not attached to anything."""
        return self.parts.adapter(make_adapter(self.config(), Catalogue()))

    def config(self) -> Config:
        """The configuration that a user of this app would have. Raises what the kit raises."""
        return Config(
            backend=self.kit.backend,
            app=self.kit.app(self.scene, self.stage),
            store_url=self.store_url,
            policy=self.policy,
            options=self.kit.options(self.stage),
            folder=self.folder,
        )

    # ── other processes ──────────────────────────────────────────────────────────────────────────────────────

    async def dies(self, *acts: Act, crash: str = "") -> None:
        """Another process does these things and is killed: at `crash` (`after ClaimRuns 1`), or when it is done.

        The acts: ("start",), ("say", decision, *fields), ("resume",). Raises NotKept if it lives.
        """
        (ended,) = await self.elsewhere(acts, crash=crash)
        if ended.error.startswith(CapabilityNotSupported.__name__):
            raise _refusal(ended.error)
        if ended.signal != signal.SIGKILL:
            ending = ended.error or (f"signal {ended.signal}" if ended.signal else repr(ended.result))
            raise NotKept(f"the process was not killed {crash or 'at its end'}, it ended with {ending}")
        self.clock.advance(LEASE)  # where nobody can see that the worker has died, its lease runs out

    async def elsewhere(self, *children: tuple[Act, ...], crash: str = "", survive: bool = False) -> list[Ended]:
        """Other processes do these things, all at once. This one has nothing open meanwhile."""
        from .elsewhere import errands

        if self.processes is None:
            raise NotKept("this world cannot start processes")
        await self.leave()
        self.runs += sum(act == ("start",) for acts in children for act in acts)
        common: dict[str, Any] = {
            "kit": name_of(type(self.kit)),
            "folder": str(self.folder),
            "model_url": self.model_url,
            "store_url": self.store_url,
            "policy": self.policy_text,
            "parts": self.parts_name,
            "now": self.clock.now().isoformat(),
            "scene": asdict(self.scene),
            "runs": self.runs,
            "redact": self.redact,
        }
        given = [{**common, "acts": acts, "crash": crash, "survives": survive} for acts in children]
        return await asyncio.to_thread(errands, self.processes(), *given)

    # ── looking ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def stage(self) -> Stage:
        return Stage(self.folder, self.model_url, self.store_url)

    def happened(self, tool: str = "") -> int:
        """How often a tool, or any, had its effect."""
        return len(self.stage.happened(tool))

    def paid(self) -> list[Any]:
        """The amounts that were really paid, in order."""
        return amounts(self.stage.happened("pay"))

    def heard(self) -> str:
        """All that the agent was ever told."""
        return self.stage.heard()

    async def inbox(self) -> list[PauseRequest]:
        """What waits for people."""
        return [each.request for each in (await (await self.hitl()).inbox()).items]

    async def requests(self, state: RequestState) -> list[str]:
        """The requests in one state, notices too, with what was said to them, as they are stored."""
        store = (await self.hitl()).store
        said: list[str] = []
        for notices in (False, True):
            async for each in every(store, ListRequests(states=(state,), notices=notices)):
                said += [each.request.to_json(), *(vote.to_json() for vote in (*each.votes, each.response) if vote)]
        return said

    async def trail(self, event: str = "") -> list[AuditEntry]:
        """The audit trail, or its lines about one kind of event."""
        page = await (await self.hitl()).store.fetch(ReadAudit(limit=100_000))
        return [entry for entry in page.items if event in ("", entry.event)]

    async def events(self) -> list[str]:
        return [str(entry.event) for entry in await self.trail()]

    async def verified(self) -> Report:
        """The audit trail, verified from its start. Nobody may be writing."""
        await self.leave()
        store = cast("Any", await open_store(self.config(), self.clock))
        try:
            return await verify(self.parts.store(store), store.custody)
        finally:
            await store.close()


def only(run: Run) -> PauseRequest:
    """The one request that a run waits for. Raises NotKept if it is none, or several."""
    if len(run.pending) != 1:
        asked = [(each.action.tool, each.kind.value) for each in run.pending]
        raise NotKept(f"the run is {run.state.value} with {len(run.pending)} requests {asked}, not one; {run.error}")
    return run.pending[0]


def answer(request: PauseRequest, decision: str, *fields: Any, by: str = "ann", **details: Any) -> Response:
    """A person's response, by the name of the decision."""
    made: Response = getattr(request, decision)(*fields, by=by, **details)
    return made


def supported(run: Run) -> Run:
    """The run, unless its turn ended because the adapter cannot do it. Raises CapabilityNotSupported."""
    if run.state is not RunState.FAILED or not run.error.startswith(CapabilityNotSupported.code):
        return run
    raise _refusal(run.error)


def _refusal(text: str) -> CapabilityNotSupported:
    """The error that somebody else has put into words."""
    words = text.split("'")
    adapter, capability = (words[1], words[3]) if len(words) > 4 else ("", "")
    return CapabilityNotSupported(adapter, capability, text.partition("': ")[2])


def rule(id: str, tool: str = "pay", **fields: Any) -> str:
    """One rule about a tool, as it would stand in a policy file."""
    values = {"why": f"{id} says so", "match": {"tool": tool}, **fields}
    return f'[[rules]]\nid = "{id}"\n' + "".join(f"{key} = {toml(value)}\n" for key, value in values.items())


def free(tool: str = "pay") -> str:
    """A rule that lets a tool run unasked."""
    return rule(f"{tool}-is-free", tool, level="autonomous", allow_irreversible="so that the suite can see it")


def toml(value: Any) -> str:
    """A value as it would stand in a TOML file."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)

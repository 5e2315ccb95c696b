"""Where a graph stands and what it is told next: lift what waits, lower what was decided, heal what a crash tore.

The store and LangGraph's saver commit separately, so a crash can leave either one ahead. Each look compares both:

    saver waits, store does not know      →  the pause is stored now (or the gated tool asks again)
    store has decided, saver still waits  →  lowered and resumed
    saver has moved on                    →  the decision was applied before the crash; go on
    saver stands where it stood, yet nothing waits there any more  →  AppChanged, nothing runs
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from langgraph.types import Command, PregelTask, StateSnapshot

from hitl_core.commands import Settled
from hitl_core.contracts import Broke, Completed, Ending, Paused, Turn
from hitl_core.errors import AppChanged
from hitl_core.gate import ABORT, Form
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import (
    Action,
    Choose,
    Context,
    Decision,
    Json,
    Kind,
    Option,
    Origin,
    PauseRequest,
    Reject,
    Reply,
)

from .driving import lineage
from .errors import HAS_STRICT_RESUME
from .mapping import Codecs, Expired, Gated, Lifted, NativePause, Sites, lift, lower
from .output import output_of
from .suspend import Engine, Reached, has_inner, pauses, unfinished

CHECKPOINT_VERSION: Final = 1

LOOKS: Final = 64
"""How often one turn may resume the graph before it is taken for one that asks the same thing for ever."""

LOOK_AGAIN: Final = False
"""What a gated tool's interrupt is resumed with. The tool never looks at it; to code that only pretends to be gated
it is no yes."""

AGAIN: Final = Option(id="again", label="Run the step again")

_CHECKPOINT_KEYS: Final = ("thread_id", "checkpoint_ns", "checkpoint_id")

_UNDECIDED = (RequestState.OPEN, RequestState.FROZEN)


@dataclass(frozen=True, slots=True)
class Step:
    """What to invoke the graph with next."""

    given: Any


@dataclass(frozen=True, slots=True)
class Site:
    """One native pause with the requests that it is shown as, in order, and what is known of each."""

    pause: NativePause
    lifted: tuple[Lifted, ...]
    calls: tuple[str, ...]
    known: tuple[Settled | None, ...]

    @property
    def settled(self) -> bool:
        """Whether every request of this pause has been decided (or has expired)."""
        return all(each is not None and each.state not in _UNDECIDED for each in self.known)


@dataclass(frozen=True, slots=True)
class App:
    """What is known of the app: codecs for its pauses, its source, and the nodes that may simply run again."""

    codecs: Codecs
    sites: Sites
    safe_nodes: frozenset[str]

    def lift(self, pause: NativePause) -> tuple[Lifted, ...] | Gated:
        """What a pause asks of people. Raises PauseAmbiguous."""
        return lift(pause, self.codecs, self.sites)


class Resumption:
    """One turn's view of a thread: from what waits to the next step or the turn's ending."""

    def __init__(self, turn: Turn, engine: Engine, app: App) -> None:
        self._turn, self._engine, self._app = turn, engine, app
        self._told: dict[str, None] = {}
        self._looks = 0
        self._drove = False

    async def first_step(self, to_input: Callable[[Json], Any]) -> Step | Ending:
        """How this turn begins: the app's input, or what the thread waits for."""
        run, claimed = self._turn.run, self._turn.claimed
        snapshot = await self._look() if self._may_have_state() else None
        fresh = snapshot is None or snapshot.created_at is None
        if claimed.first and not claimed.interrupted and not fresh and run.thread != run.id:
            if snapshot is not None and any(pauses(snapshot)):
                raise AppChanged(f"thread {run.thread!r} waits for an answer of another run; answer or cancel that one")
            return Step(to_input(run.input))
        if snapshot is None or fresh:
            self._require_unpaused()
            return Step(to_input(run.input))
        return await self._next(snapshot)

    async def look_again(self) -> Step | Ending:
        """After the framework said that an answer was not awaited: read what really waits."""
        return await self._next(await self._look())

    async def after(self, reached: Reached) -> Step | Ending:
        """The graph has stopped: at its end, or where somebody has to decide."""
        self._drove = True
        if self._turn.gate.stopped is not None:
            return Broke(str(self._turn.gate.stopped), checkpoint=self._turn.checkpoint)
        if not reached.interrupted and not self._engine.has_breakpoints:
            return Completed(output_of(reached.value), consumed=tuple(self._told))
        return await self._next(await self._look())

    async def asked_again(self, why: str) -> Ending:
        """The app refused an answer and still waits: the same question again, with what was wrong with the answer."""
        snapshot = await self._look()
        requests = [
            self._request(site, index, round=known.request.round + 1 if known else 0, fault=why)
            for site in await self._sites(snapshot)
            for index, known in enumerate(site.known)
        ]
        return self._paused(snapshot, requests, waiting=[request.call for request in requests])

    # ── deciding the next step ───────────────────────────────────────────────────────────────────────────────

    async def _next(self, snapshot: StateSnapshot) -> Step | Ending:
        self._looks += 1
        if self._looks > LOOKS:
            return Broke(
                f"the graph paused {LOOKS} times in one turn at places that were decided", self._turn.checkpoint
            )
        sites = await self._sites(snapshot)
        gated = await self._gated(snapshot)
        if not sites and not gated:
            return await self._without_pauses(snapshot)
        doubt = await self._doubtful(snapshot, sites)
        if doubt is not None:
            return doubt
        return self._resume_or_pause(snapshot, sites, gated)

    def _resume_or_pause(
        self, snapshot: StateSnapshot, sites: Sequence[Site], gated: dict[str, tuple[str, bool]]
    ) -> Step | Ending:
        answers: dict[str, Any] = {}
        for interrupt_id, (call, wake) in gated.items():
            if wake:
                answers[interrupt_id] = LOOK_AGAIN
                self._told[call] = None
        for site in sites:
            if site.settled and site.pause.static is not None:
                return self._past_breakpoint(snapshot, site)
            if site.settled:
                answers[site.pause.interrupt_id] = self._lower(site)
                self._told.update(dict.fromkeys(site.calls))
        if answers:
            return Step(Command(resume=answers))
        new = [self._request(site, i) for site in sites for i, known in enumerate(site.known) if known is None]
        waiting = [call for site in sites for call in site.calls] + [call for call, _ in gated.values()]
        return self._paused(snapshot, new, waiting)

    async def _without_pauses(self, snapshot: StateSnapshot) -> Step | Ending:
        if not snapshot.next:
            self._require_moved(snapshot)
            return Completed(output_of(snapshot.values), consumed=tuple(self._told))
        doubt = await self._doubtful(snapshot, ())
        return doubt if doubt is not None else Step(None)

    def _past_breakpoint(self, snapshot: StateSnapshot, site: Site) -> Step | Ending:
        self._told.update(dict.fromkeys(site.calls))
        if self._lower(site):
            return Step(None)
        return Completed(output_of(snapshot.values), consumed=tuple(self._told))

    def _lower(self, site: Site) -> Json:
        known = [each for each in site.known if each is not None]
        codec = cast("dict[str, Json]", known[0].request.handle["codec"])
        return lower(codec, [(each.request, _said(each)) for each in known], codecs=self._app.codecs)

    # ── what waits ───────────────────────────────────────────────────────────────────────────────────────────

    async def _look(self) -> StateSnapshot:
        snapshot = await self._engine.snapshot(self._turn.run.thread)
        if has_inner(snapshot):
            return await self._engine.snapshot(self._turn.run.thread, subgraphs=True)
        return snapshot

    def _waits(self, snapshot: StateSnapshot) -> list[NativePause]:
        found = list(pauses(snapshot))
        return found or self._engine.breakpoints(snapshot)

    async def _sites(self, snapshot: StateSnapshot) -> list[Site]:
        """The pauses that the app made itself."""
        sites = []
        for pause in self._waits(snapshot):
            lifted = self._app.lift(pause)
            if isinstance(lifted, Gated):
                continue
            prefix = await self._identity(pause)
            calls = tuple(f"{prefix}#{each.index}" for each in lifted)
            known = [await self._turn.gate.settled(call) for call in calls]
            sites.append(Site(pause, lifted, calls, tuple(known)))
        return sites

    async def _identity(self, pause: NativePause) -> str:
        """The place of a pause. Before 1.2.20 all interrupts of a task share one id, so the answers count too."""
        if HAS_STRICT_RESUME or pause.static is not None:
            return f"pause:{pause.interrupt_id}"
        held = await self._engine.answers_held(self._turn.run.thread, pause.task_id)
        return f"pause:{pause.interrupt_id}:{held}"

    async def _gated(self, snapshot: StateSnapshot) -> dict[str, tuple[str, bool]]:
        """Interrupts of our own gate: id → its call, and whether to wake it.

        A call that is decided is woken; so is one that the store does not know, to ask again; and any, when a
        decision waits for a call that the framework does not show (several calls in one ToolNode task).
        """
        found: dict[str, tuple[str, bool]] = {}
        asked = {request.call for request in self._turn.gate.waiting}
        for pause in self._waits(snapshot):
            lifted = self._app.lift(pause)
            if isinstance(lifted, Gated):
                known = await self._turn.gate.settled(lifted.call)
                wake = lifted.call not in asked and (known is None or known.state not in _UNDECIDED)
                found[pause.interrupt_id] = (lifted.call, wake)
        if found and not self._drove and not any(wake for _, wake in found.values()):
            hidden = not self._turn.run.pending
            found = {key: (call, hidden) for key, (call, _) in found.items()}
        return found

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────

    def _request(self, site: Site, index: int, *, round: int = 0, fault: str = "") -> PauseRequest:
        lifted, pause = site.lifted[index], site.pause
        origin = Origin(path=(*lineage("|".join(pause.path)), pause.node))
        message = f"{fault}\n\n{lifted.message}" if fault else lifted.message
        form = Form(
            kind=lifted.kind,
            title=lifted.title,
            context=Context(message=message, details=lifted.details),
            allowed=(*lifted.allowed, Reply.CANCEL),
            options=lifted.options,
            arguments_schema=lifted.arguments_schema,
            answer_schema=lifted.answer_schema,
            handle={"interrupt_id": pause.interrupt_id, "index": lifted.index, "of": lifted.of, "codec": lifted.codec},
        )
        action = Action(tool=lifted.tool, arguments=lifted.arguments, origin=origin)
        return self._turn.gate.lift(action, call=site.calls[index], form=form, round=round)

    def _paused(self, snapshot: StateSnapshot, requests: Sequence[PauseRequest], waiting: Sequence[str]) -> Paused:
        waits = {*waiting, *(request.call for request in self._turn.gate.waiting)}
        orphaned = [request.id for request in self._turn.run.pending if request.call not in waits]
        return Paused(
            checkpoint=self._checkpoint(snapshot, waits),
            requests=tuple(requests),
            consumed=tuple(call for call in self._told if call not in waits),
            orphaned=tuple(orphaned),
        )

    def _checkpoint(self, snapshot: StateSnapshot, waits: set[str]) -> Json:
        configurable = snapshot.config.get("configurable", {})
        paused = {key: configurable[key] for key in _CHECKPOINT_KEYS if key in configurable}
        return cast("Json", {"version": CHECKPOINT_VERSION, "paused": paused, "waits": sorted(waits)})

    # ── crashes ──────────────────────────────────────────────────────────────────────────────────────────────

    def _may_have_state(self) -> bool:
        run, claimed = self._turn.run, self._turn.claimed
        return not claimed.first or claimed.interrupted or run.thread != run.id

    def _recorded(self) -> dict[str, Json]:
        checkpoint = self._turn.checkpoint
        if not isinstance(checkpoint, dict):
            return {}
        if checkpoint.get("version") != CHECKPOINT_VERSION:
            found = checkpoint.get("version")
            raise AppChanged(f"the checkpoint has version {found!r}; this release reads {CHECKPOINT_VERSION}")
        return checkpoint

    def _require_unpaused(self) -> None:
        """A run that paused before cannot start over: its thread has vanished from the checkpointer."""
        if self._recorded().get("waits"):
            raise AppChanged(f"the checkpointer has no thread {self._turn.run.thread!r} any more; nothing ran")

    def _require_moved(self, snapshot: StateSnapshot) -> None:
        """The thread ended by itself, or its paused node has vanished from the app (research/langgraph.md §1.1)."""
        recorded = self._recorded()
        paused = recorded.get("paused")
        where = snapshot.config.get("configurable", {}).get("checkpoint_id")
        if self._drove or not recorded.get("waits") or not isinstance(paused, dict):
            return
        if paused.get("checkpoint_id") == where:
            waits = ", ".join(str(call) for call in cast("list[Json]", recorded["waits"]))
            raise AppChanged(f"the app no longer has the place where this run paused ({waits}); nothing ran")

    async def _doubtful(self, snapshot: StateSnapshot, sites: Sequence[Site]) -> Ending | None:
        """Steps of the app that a dead worker may have left half done: a person says whether to run them again."""
        if not self._turn.claimed.interrupted or self._drove:
            return None
        asked: list[PauseRequest] = []
        waiting: list[str] = []
        for task in unfinished(snapshot):
            if not self._may_have_run(task, sites) or await self._is_gated(task):
                continue
            call = f"step:{task.name}:{task.id}"
            known = await self._turn.gate.settled(call)
            if known is not None and known.state not in _UNDECIDED:
                if _chose(known) != AGAIN.id:
                    return Broke(f"step {task.name!r} was in doubt after a crash and a person ended the run")
                self._told[call] = None
                continue
            waiting.append(call)
            if known is None:
                asked.append(self._doubt_request(task, call))
        if not waiting:
            return None
        return self._paused(snapshot, asked, [*waiting, *(call for site in sites for call in site.calls)])

    def _may_have_run(self, task: PregelTask, sites: Sequence[Site]) -> bool:
        """A task that waits undecided has certainly stopped there; any other unfinished one may have been working."""
        if task.name in self._app.safe_nodes or task.name == "__start__":
            return False
        if any(site.pause.static is not None for site in sites):
            return all(site.settled for site in sites)
        if not task.interrupts:
            return True
        ids = {each.id for each in task.interrupts}
        return any(site.pause.interrupt_id in ids and site.settled for site in sites)

    async def _is_gated(self, task: PregelTask) -> bool:
        """Whether the gate knows calls of this task: then its effects are on record, one by one."""
        return await self._turn.gate.knows(f"{task.name}:{task.id}")

    def _doubt_request(self, task: PregelTask, call: str) -> PauseRequest:
        form = Form(
            kind=Kind.CHOICE,
            title=f"Step {task.name!r} was interrupted by a crash and may have had effects. Run it again?",
            options=(AGAIN, ABORT),
            in_doubt=True,
        )
        action = Action(tool=f"step {task.name}", arguments={"step": task.name})
        return self._turn.gate.lift(action, call=call, form=form)


def _said(known: Settled) -> Decision | Expired:
    """What a settled request says to the code that waits; a decision that was taken back is a refusal."""
    if known.state is RequestState.EXPIRED or known.response is None:
        return Expired(known.request.on_timeout)
    if known.state is RequestState.REVOKED:
        return Reject(message="The approval was revoked before it was used.")
    return known.response.decision


def _chose(known: Settled) -> str:
    """The option that was chosen about a step in doubt; without one it ends."""
    decision = known.response.decision if known.response is not None else None
    return decision.option if isinstance(decision, Choose) else ABORT.id

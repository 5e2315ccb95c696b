"""Where a graph stands and what it is told next: lift what waits, lower what was decided, heal what a crash tore.

The store and LangGraph's saver commit separately, so a crash can leave either one ahead. Each look compares both:

    saver waits, store does not know      →  the pause is stored now (or the gated tool asks again)
    store has decided, saver still waits  →  lowered and resumed
    saver has moved on                    →  the decision was applied before the crash; go on
    saver stands where it stood, yet nothing waits there any more  →  AppChanged, nothing runs
    somebody else moved the thread        →  its new pauses are shown; if it went past ours: AppChanged
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from langgraph.types import Command, StateSnapshot

from hitl_core.commands import Settled
from hitl_core.contracts import Broke, Completed, Ending, Paused, Turn, endings
from hitl_core.errors import AppChanged, StoreUnavailable
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Json, PauseRequest
from hitl_core.transient import is_transient

from ..errors import in_words
from ..mapping import ENVELOPE, Gated, NativePause
from ..mapping.live import Live
from ..mapping.output import output_of
from .breakpoints import stands_at_breakpoint
from .crashes import doubtful, require_nothing_beside, require_places, require_unmoved
from .engine import Engine
from .kept import Kept
from .pauses import App, Site, ask, is_settled, is_static, lowered, place_in_batch
from .sharing import given_to, require_own_task
from .snapshot import checkpoint_id, failed, has_inner, is_over, is_unheard, pauses, unfinished, written_by
from .watching import Reached

LOOKS: Final = 64
"""How often one turn may resume the graph before it is taken for one that asks the same thing for ever."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to invoke the graph with next; None means that it goes on by itself."""

    given: Any


@dataclass(frozen=True, slots=True)
class Standing:
    """What waits in a thread: native pauses, and calls of our own gate."""

    checkpoint_id: str
    nodes: tuple[str, ...]
    sites: tuple[Site, ...]
    gated: tuple[str, ...]

    @property
    def calls(self) -> tuple[str, ...]:
        return (*(call for site in self.sites for call in site.calls), *self.gated)


class Resumption:
    """One turn's view of a thread: from what waits to the next step or the turn's ending."""

    def __init__(self, turn: Turn, engine: Engine, app: App) -> None:
        self._turn, self._engine, self._app = turn, engine, app
        self._kept = Kept.read(turn.checkpoint)
        self._told: dict[str, None] = {}
        self._gone: list[str] = []
        self._looks = 0
        self._reached: Reached | None = None
        self._retried = False

    @property
    def _drove(self) -> bool:
        return self._reached is not None

    # ── beginning and ending ─────────────────────────────────────────────────────────────────────────────────

    async def first_step(self, to_input: Callable[[Json], Any]) -> Step | Ending:
        """How this turn begins: the app's input, or what the thread waits for."""
        run = self._turn.run
        if not self._may_have_state():
            return Step(to_input(run.input))
        recorded = await self._recorded()
        if recorded is not None:
            return recorded
        snapshot = await self._look()
        if self._kept is None and written_by(snapshot) != run.id:
            self._require_free(snapshot)
            return Step(to_input(run.input))
        self._tell_again(snapshot)
        if self._turn.ask_again:
            return await self._unanswer(snapshot)
        return await self._next(snapshot)

    def _tell_again(self, snapshot: StateSnapshot) -> None:
        """What was said before the turn before died: ended nodes say nothing again, and who heard it knows its ids."""
        if self._turn.watched and self._turn.claimed.interrupted and written_by(snapshot) == self._turn.run.id:
            for event in Live(self._turn.run.id).since_asked(snapshot.values):
                self._turn.emit(event)

    async def look_again(self) -> Step | Ending:
        """After the framework said that an answer was not awaited: nothing was told, so read what really waits."""
        self._told.clear()
        return await self._next(await self._look())

    async def after(self, reached: Reached) -> Step | Ending:
        """The graph has stopped: at its end, or where somebody has to decide."""
        self._reached = reached
        if self._turn.gate.stopped is not None:
            return self.broke(self._turn.gate.stopped)
        if not reached.paused:
            return Completed(output_of(reached.value), consumed=tuple(self._told))
        if reached.waits is None or reached.at_breakpoint or any(map(self._in_tools, reached.waits)):
            return await self._next(await self._look())
        standing = await self._standing(reached.waits, reached.checkpoint_id, reached.nodes)
        if len(standing.sites) > 1 or (standing.sites and standing.gated):
            return await self._next(await self._look())
        return await self._pause_or_go_on(standing)

    async def asked_again(self, why: str) -> Ending:
        """The app refused an answer and still waits: the same question again, with what was wrong with the answer."""
        standing = await self._read(await self._look())
        requests = [
            ask(self._turn.gate, site, index, round=known.request.round + 1, fault=why)
            for site in standing.sites
            for index, known in enumerate(site.known)
            if known is not None and is_settled(known)
        ]
        return self._paused(standing, requests, standing.calls)

    def broke(self, error: BaseException) -> Broke:
        """The ending of a turn that failed. What the graph was told cannot be taken back any more."""
        kept = self._kept
        checkpoint = kept.to_json(broken=True) if kept is not None else self._turn.checkpoint
        return Broke(in_words(error), checkpoint=checkpoint, consumed=tuple(self._told))

    async def raised(self, error: Exception) -> Broke:
        """The ending of a turn in which the graph raised. It may be tried again by itself if the model did not answer
        and no step is unfinished that has code of its own."""
        endings.warning("run %s: the graph raised", self._turn.run.id, exc_info=error)
        return replace(self.broke(error), repeatable=is_transient(error) and await self._repeats_nothing())

    def not_begun(self, error: StoreUnavailable) -> Broke:
        """The ending of a turn that could not read our records, before the graph was driven."""
        endings.warning("run %s: the graph was not driven: %s", self._turn.run.id, error)
        return Broke(in_words(error), self._turn.checkpoint, repeatable=True, unasked=True)

    async def _repeats_nothing(self) -> bool:
        try:
            snapshot = await self._look()
        except Exception:  # whatever keeps us from seeing it: then it is not known
            return False
        return all(self._app.is_safe((), task.name) for task in unfinished(snapshot))

    # ── deciding the next step ───────────────────────────────────────────────────────────────────────────────

    async def _next(self, snapshot: StateSnapshot) -> Step | Ending:
        standing = await self._read(snapshot)
        if not self._drove:
            await self._compare(standing, snapshot)
            doubt = await self._doubt(standing, snapshot)
            if doubt is not None:
                return doubt
            if is_unheard(snapshot):
                return Step(None)
        if not standing.calls:
            return self._without_pauses(snapshot)
        if failed(snapshot) and not self._retried:
            return self._retry()
        static = next((site for site in standing.sites if site.pause.static is not None), None)
        if static is not None and static.settled:
            return await self._past_breakpoint(snapshot, static)
        return await self._pause_or_go_on(standing)

    async def _pause_or_go_on(self, standing: Standing) -> Step | Ending:
        self._looks += 1
        if self._looks > LOOKS:
            return self.broke(AppChanged(f"the graph paused {LOOKS} times in one turn at places that were decided"))
        settled = [site for site in standing.sites if site.settled]
        if settled:
            return await self._tell({site.pause.interrupt_id: site.known for site in settled})
        if await self._wakes(standing.gated):
            return Step(None)
        new = [
            ask(self._turn.gate, site, index)
            for site in standing.sites
            for index, known in enumerate(site.known)
            if known is None
        ]
        return self._paused(standing, new, standing.calls)

    async def _tell(self, decided: Mapping[str, Iterable[Settled | None]]) -> Step | Ending:
        """Resume by id with what was decided, lowered; not while a stop covers one of the pauses."""
        answers: dict[str, Any] = {}
        for interrupt_id, known in decided.items():
            found = [each for each in known if each is not None]
            stopped = await self._stopped(found)
            if stopped is not None:
                return stopped
            answers[interrupt_id] = lowered(found, self._app.codecs)
            self._told.update(dict.fromkeys(each.request.call for each in found))
        return Step(Command(resume=answers))

    async def _stopped(self, known: Iterable[Settled | None]) -> Ending | None:
        """The ending of a turn in which a stop covers what was decided: nothing of it is handed to the framework."""
        for each in known:
            if each is not None and await self._turn.gate.stop_for(each.request.action) is not None:
                return Broke(str(self._turn.gate.stopped), checkpoint=self._turn.checkpoint)
        return None

    async def _recorded(self) -> Step | Ending | None:
        """The next step from our own records alone, where LangGraph itself refuses what it does not await.

        Nothing may have happened since the pause was stored: no crash, no failure, no other nodes in the app (a node
        that is gone swallows its answer without a word), and only native pauses, whose ids are in their requests.
        """
        kept, turn = self._kept, self._turn
        if kept is None or kept.broken or kept.app != self._app.fingerprint:
            return None
        if turn.claimed.interrupted or turn.ask_again:
            return None
        decided: dict[str, list[Settled]] = {}
        for call in sorted(kept.waits, key=place_in_batch):
            known = await self._turn.gate.settled(call)
            interrupt_id = None if known is None else known.request.handle.get("interrupt_id")
            if known is None or not is_settled(known) or not isinstance(interrupt_id, str) or is_static(known):
                return None
            decided.setdefault(interrupt_id, []).append(known)
        return await self._tell(decided) if decided else None

    def _retry(self) -> Step:
        """A step failed after its answer, which is kept with the error: run it with that one, never a second.

        Telling it again would answer its next question unseen (research §2.4). If it was not told before the failure,
        it pauses at the same place once more and is told then.
        """
        self._retried = True
        return Step(None)

    async def _wakes(self, gated: Iterable[str]) -> bool:
        """Whether a call of our gate is to be looked at again: decided, unknown to the store, or hidden.

        The graph simply goes on: the call asks the gate again, so no value ever travels through the framework, where
        the next question of the same step could take it for its answer. A decision may also be for a call that the
        framework does not show, as with several calls in one ToolNode task.
        """
        asked = {request.call for request in self._turn.gate.waiting}
        wake = False
        for call in gated:
            if call in asked:
                continue
            known = await self._turn.gate.settled(call)
            if known is None or is_settled(known):
                self._told[call] = None
                wake = True
        return wake or (bool(gated) and not self._drove and not self._turn.run.pending)

    def _without_pauses(self, snapshot: StateSnapshot) -> Step | Ending:
        if not is_over(snapshot):
            return Step(None)
        return Completed(output_of(snapshot.values), consumed=tuple(self._told))

    async def _past_breakpoint(self, snapshot: StateSnapshot, site: Site) -> Step | Ending:
        stopped = await self._stopped(site.known)
        if stopped is not None:
            return stopped
        self._told.update(dict.fromkeys(site.calls))
        if site.lowered(self._app.codecs):
            return Step(None)
        await self._engine.forget(self._turn.run.thread, run=self._turn.run.id)
        return Completed(output_of(snapshot.values), consumed=tuple(self._told))

    async def _unanswer(self, snapshot: StateSnapshot) -> Step:
        """Drop what the pending steps were told; they ask anew."""
        require_nothing_beside(snapshot)
        standing = await self._read(snapshot)
        self._told.update(dict.fromkeys(call for site in standing.sites for call in site.calls))
        await self._engine.unanswer(self._turn.run.thread, run=self._turn.run.id)
        return Step(None)

    # ── what waits ───────────────────────────────────────────────────────────────────────────────────────────

    async def _look(self) -> StateSnapshot:
        snapshot = await self._engine.snapshot(self._turn.run.thread)
        if snapshot.created_at is None and self._kept is not None:
            why = f"{self._engine.forgets}, so " if self._engine.forgets else ""
            raise AppChanged(f"{why}the checkpointer has no thread {self._turn.run.thread!r} any more; nothing ran")
        if has_inner(snapshot):
            return await self._engine.snapshot(self._turn.run.thread, subgraphs=True)
        return snapshot

    async def _read(self, snapshot: StateSnapshot) -> Standing:
        nodes = tuple(sorted(set(snapshot.next)))
        standing = await self._standing(await self._waits(snapshot), checkpoint_id(snapshot), nodes)
        native = frozenset(site.pause.interrupt_id for site in standing.sites)
        await require_own_task(self._engine, self._app, snapshot, native)
        return standing

    def _in_tools(self, pause: NativePause) -> bool:
        """Whether a pause is in a ToolNode, whose task may have several calls; that of our own gate asks again."""
        if isinstance(pause.value, dict) and ENVELOPE in pause.value:
            return False
        whole = (*pause.path, pause.node)
        return any(self._app.sites.tool_node(whole[:depth], name) is not None for depth, name in enumerate(whole))

    async def _standing(self, waits: Iterable[NativePause], where: str, nodes: tuple[str, ...]) -> Standing:
        sites, gated = [], []
        for pause in waits:
            lifted = self._app.lift(pause)
            if isinstance(lifted, Gated):
                gated.append(lifted.call)
                continue
            calls = tuple(f"pause:{pause.interrupt_id}#{each.index}" for each in lifted)
            known = [await self._turn.gate.settled(call) for call in calls]
            sites.append(Site(pause, lifted, calls, tuple(known)))
        return Standing(where, nodes, tuple(sites), tuple(gated))

    async def _waits(self, snapshot: StateSnapshot) -> list[NativePause]:
        found = list(pauses(snapshot))
        if not found and await self._at_breakpoint(snapshot):
            return [self._engine.breakpoint(snapshot)]
        return found

    async def _at_breakpoint(self, snapshot: StateSnapshot) -> bool:
        """LangGraph says so after a drive; before one it is read, since a thread with work left may have crashed."""
        if self._reached is not None:
            return self._reached.at_breakpoint
        if not snapshot.next:
            return False
        if self._kept is not None and f"pause:static:{checkpoint_id(snapshot)}#0" in self._kept.waits:
            return True
        if not self._engine.has_breakpoints or failed(snapshot):
            return False
        return await stands_at_breakpoint(self._engine, self._app, snapshot)

    def _paused(self, standing: Standing, requests: Sequence[PauseRequest], waiting: Iterable[str]) -> Paused:
        where = {"thread_id": self._turn.run.thread, "checkpoint_ns": "", "checkpoint_id": standing.checkpoint_id}
        app = self._app.fingerprint if self._app.shows(site.pause for site in standing.sites) else ""
        waits = {*waiting, *(request.call for request in self._turn.gate.waiting)}
        orphaned = [request.id for request in self._turn.run.pending if request.call not in waits]
        return Paused(
            checkpoint=Kept(where, tuple(sorted(waits)), standing.nodes, app).to_json(),
            requests=tuple(requests),
            consumed=tuple(call for call in self._told if call not in waits),
            orphaned=(*orphaned, *self._gone),
        )

    # ── crashes, and other people ────────────────────────────────────────────────────────────────────────────

    def _may_have_state(self) -> bool:
        """Whether anybody can have written to the thread: not in the first turn of a thread of its own."""
        run, claimed = self._turn.run, self._turn.claimed
        return not claimed.first or claimed.lease.fence > 1 or run.thread != run.id

    def _require_free(self, snapshot: StateSnapshot) -> None:
        if any(pauses(snapshot)):
            thread = self._turn.run.thread
            raise AppChanged(f"thread {thread!r} waits for an answer of another run; answer or cancel that one")

    @property
    def _may_have_been_told(self) -> bool:
        """Whether a turn that crashed or failed may have used up what waited, in the same app."""
        kept = self._kept
        disturbed = kept is not None and (kept.broken or self._turn.claimed.interrupted)
        return disturbed and kept is not None and kept.app in ("", self._app.fingerprint)

    async def _compare(self, standing: Standing, snapshot: StateSnapshot) -> None:
        """What waited when this run paused and does not wait now: used before a crash, or superseded by others."""
        ours = written_by(snapshot) == self._turn.run.id
        if self._kept is None:
            return
        if not ours:
            require_unmoved(snapshot, self._kept, self._turn.run.thread, asked=bool(standing.calls))
        else:
            require_places(snapshot, self._kept, standing.calls, excused=self._may_have_been_told)
        for call in self._kept.waits:
            if call in standing.calls or call.startswith("step:"):
                continue
            known = await self._turn.gate.settled(call)
            if ours:
                self._told[call] = None
            elif known is not None and known.state is not RequestState.CONSUMED:
                self._gone.append(known.request.id)

    async def _doubt(self, standing: Standing, snapshot: StateSnapshot) -> Ending | None:
        waited = () if self._kept is None else self._kept.waits
        given = partial(given_to, self._engine, snapshot)
        found = await doubtful(self._turn, self._app, snapshot, standing.sites, waited, given)
        if isinstance(found, Broke):
            return found
        self._told.update(dict.fromkeys(found.answered))
        if not found.waiting:
            return None
        return self._paused(standing, found.asked, (*found.waiting, *standing.calls))

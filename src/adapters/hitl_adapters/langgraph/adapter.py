"""The LangGraph adapter: what it can do, and what becomes of a run.

attach    building: the graph ─► mapping: what is found in it ─► refused, or ready
advance   suspend: where does the thread stand? ─► the next step ─► drive ─► Paused, Completed or Broke
            a pause of the graph's own ─► mapping.lift ─► people ─► mapping.lower ─► Command(resume={id: value})
            a gated call               ─► gating: asks the gate, again each time its node runs
cancel    ends the thread, so that a late answer is a no-op
rewind    forks the thread at its last pause
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from hitl_core.apps import AgentSpec, AppSource
from hitl_core.capabilities import NATIVE, Capabilities, Capability, Support, absent, emulated
from hitl_core.contracts import Ending, Finding, Turn
from hitl_core.errors import AppChanged, AppRefused, CapabilityNotSupported, Fault, LeaseLost, StoreUnavailable
from hitl_core.gate import heeding_stops
from hitl_core.protocol import ClientTool, Json, Run
from hitl_core.tools import Catalogue

from .building import agent_input, build_agent, elsewhere, open_saver, opened, place_of_state
from .errors import UnknownInterruptError, in_words, is_invalid_resume
from .gating import declared_in
from .mapping import Codecs, Sites, findings, room_faults
from .suspend import App, Current, Engine, Halt, InvalidAnswer, Kept, Reached, Resumption, Step, driving, written_by
from .suspend.kept import VERSION

NAME: Final = "langgraph"

CAPABILITIES: Final[Capabilities] = {
    Capability.GATE_TOOLS: NATIVE,
    Capability.LIFT_NATIVE_PAUSES: NATIVE,
    Capability.EDIT_ARGUMENTS: NATIVE,
    Capability.RESPOND_IN_PLACE: NATIVE,
    Capability.ASK_QUESTIONS: NATIVE,
    Capability.OFFER_CHOICES: NATIVE,
    Capability.CLIENT_TOOLS: Support(
        "native", "but only in an agent that is the whole graph: built from an AgentSpec, or with our middleware"
    ),
    Capability.REVIEW_OUTPUT: NATIVE,
    Capability.HANDOFF_TO_HUMAN: absent("LangGraph has no participant that is a person; ask with a question tool"),
    Capability.PARALLEL_PAUSES: NATIVE,
    Capability.NESTED_PAUSES: NATIVE,
    Capability.SURVIVE_RESTART: NATIVE,
    Capability.DETECT_IN_DOUBT: emulated("our record of started effects; LangGraph runs a node again by itself"),
    Capability.STREAM_EVENTS: NATIVE,
    Capability.SHOW_WORDS: Support(
        "native", "but a function that is gated in a node says nothing; nobody knows what its node had read"
    ),
    Capability.STEER: emulated(
        "at the next model call of an agent with our middleware; a node that calls a model itself asks for guidance()"
    ),
    Capability.DRAIN: NATIVE,
    Capability.UNDO_BY_FORK: NATIVE,
    Capability.KEEP_THREADS: Support("native", "a graph whose state has no messages keeps what its state has"),
    Capability.NEUTRAL_SPEC: NATIVE,
}


@dataclass(frozen=True, slots=True)
class LangGraphOptions:
    """`[backend.options]` for LangGraph.

    checkpointer: where agents built from a spec keep their state, `sqlite:///FILE` or `postgresql://…`; by default in
        the store's database if that is a server's, else in the file `hitl-langgraph.db`.
    codecs: what an answer means at a pause of an unchanged graph, by node (see mapping).
    safe_nodes: nodes without effects of their own, which may simply run again after a crash.
    ungated: tools that may run without the gate, those that the model's provider runs among them.
    """

    checkpointer: str = ""
    codecs: dict[str, Any] = field(default_factory=dict)
    safe_nodes: tuple[str, ...] = ()
    ungated: tuple[str, ...] = ()


class LangGraphAdapter:
    """Drives one compiled graph: the app's own, or one built from an AgentSpec."""

    name = NAME
    capabilities: Capabilities = CAPABILITIES
    formats: tuple[str, ...] = (str(VERSION),)
    Options = LangGraphOptions

    def __init__(self, app: AppSource, *, options: LangGraphOptions = LangGraphOptions(), catalogue: Catalogue) -> None:
        self._source, self._options, self._catalogue = app, options, catalogue
        self._codecs = Codecs.from_options(options.codecs)
        self._stack = AsyncExitStack()
        self._engine: Engine | None = None
        self._app: App | None = None
        self._findings: tuple[Finding, ...] = ()
        self._spec_built = False

    async def attach(self) -> tuple[Finding, ...]:
        """Build the graph and look through it. Raises AppRefused, naming every reason."""
        if self._engine is None:
            try:
                await self._attach()
            except BaseException:
                await self.close()  # nothing that was opened for it is left to the next try
                raise
        return self._findings

    def tool_faults(self, tools: tuple[ClientTool, ...]) -> list[Fault]:
        """Why a run of this graph cannot have these tools: only our middleware tells a model of them."""
        assert self._app is not None
        return room_faults(self._app.sites, tools)

    async def advance(self, turn: Turn) -> Ending:
        """Start the graph, or read what it waits for, lower the decisions and resume it."""
        engine, app = await self._attached()
        resumption = Resumption(turn, engine, app)
        with driving(turn) as now:
            try:
                step = await resumption.first_step(agent_input if self._spec_built else lambda value: value)
            except StoreUnavailable as exc:
                return resumption.not_begun(exc)
            try:
                return await self._advance(now, engine, resumption, step)
            except StoreUnavailable as exc:
                return await resumption.raised(exc)

    async def cancel(self, run: Run, checkpoint: Json) -> None:
        """End the thread in LangGraph, so that a late answer there is a no-op; not if others use it by now."""
        engine, _ = await self._attached()
        if checkpoint is not None and written_by(await engine.snapshot(run.thread)) == run.id:
            await engine.forget(run.thread, run=run.id)

    async def rewind(self, run: Run, checkpoint: Json) -> Json:
        """Fork the thread at the checkpoint of its last pause; the pauses there are asked anew."""
        engine, _ = await self._attached()
        kept = Kept.read(checkpoint)
        if kept is None:
            raise AppChanged(f"run {run.id} has no pause to go back to")
        await engine.fork(kept.paused, run=run.id)
        return kept.to_json(broken=True)

    async def close(self) -> None:
        """Close the checkpointer if it was opened here, and the app's own contexts."""
        await self._stack.aclose()

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _advance(self, now: Current, engine: Engine, resumption: Resumption, step: Step | Ending) -> Ending:
        while isinstance(step, Step):
            try:
                reached = await self._drive(now, engine, step)
            except UnknownInterruptError:
                step = await resumption.look_again()
            except InvalidAnswer as exc:
                step = await resumption.asked_again(str(exc))
            except Halt as exc:
                if isinstance(exc.__cause__, LeaseLost | StoreUnavailable):
                    raise exc.__cause__ from exc
                return resumption.broke(exc.__cause__ or exc)
            except Exception as exc:
                if is_invalid_resume(exc):
                    return await resumption.asked_again(in_words(exc))
                return await resumption.raised(exc)
            else:
                step = await resumption.after(reached)
        return step

    async def _drive(self, now: Current, engine: Engine, step: Step) -> Reached:
        run = now.turn.run
        try:
            with heeding_stops(now.gate, lambda why: engine.drain(run.id, why)):
                emit = now.turn.emit if now.turn.watched else None
                return await engine.drive(run.thread, step.given, emit=emit, run=run.id)
        except asyncio.CancelledError:
            now.abandon()
            raise
        finally:
            await now.quiet()

    async def _attach(self) -> None:
        graph = await self._graph()
        sites = Sites(graph)
        found = findings(graph, self._codecs, sites=sites, ungated=self._options.ungated)
        self._findings = (*found, *(elsewhere(*self._places()) if self._spec_built else ()))
        reasons = [each for each in self._findings if each.level == "refuse"]
        if reasons:
            raise AppRefused("; ".join(f"{each.place}: {each.message}" for each in reasons))
        for tool in declared_in(place.bound for place in sites.places):
            self._catalogue.learn(tool)
        nested = any(place.path for place in sites.places)
        self._engine = Engine(graph, has_breakpoints=_has_breakpoints(graph, sites), has_subgraphs=nested)
        self._app = App(self._codecs, sites, self._safe_nodes())

    async def _attached(self) -> tuple[Engine, App]:
        await self.attach()
        assert self._engine is not None
        assert self._app is not None
        return self._engine, self._app

    def _safe_nodes(self) -> frozenset[str]:
        """Nodes that may run again: those of our own agents only call the model and gated tools."""
        own = ("model", "tools") if self._spec_built else ()
        return frozenset((*own, *self._options.safe_nodes))

    async def _graph(self) -> Any:
        spec = self._source.spec()
        if spec is None:
            return await opened(self._source, self._stack)
        _require_buildable(spec)
        for tool in spec.all_tools():
            self._catalogue.learn(tool)
        self._spec_built = True
        url = place_of_state(*self._places())
        saver = await self._stack.enter_async_context(open_saver(url, self._source.folder))
        return build_agent(spec, checkpointer=saver)

    def _places(self) -> tuple[str, str]:
        return self._options.checkpointer, self._source.store


def _require_buildable(spec: AgentSpec) -> None:
    """Raises CapabilityNotSupported if the spec, or a sub-agent of it, hands over to a person."""
    if spec.human is not None:
        because = f"{CAPABILITIES[Capability.HANDOFF_TO_HUMAN].because} (agent {spec.name!r} has human={spec.human!r})"
        raise CapabilityNotSupported(NAME, Capability.HANDOFF_TO_HUMAN, because)
    for agent in spec.agents:
        _require_buildable(agent)


def _has_breakpoints(graph: Any, sites: Sites) -> bool:
    """Whether a graph, or one inside it, was compiled with static breakpoints."""
    levels = [graph, *(place.graph for place in sites.places)]
    return any(level.interrupt_before_nodes or level.interrupt_after_nodes for level in levels)

"""LangGraph on the protocol: unchanged graphs by lifting their interrupts, gated tools by our wrapper."""

from __future__ import annotations

import inspect
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final, cast

from hitl_core.apps import AppSource
from hitl_core.capabilities import NATIVE, Capabilities, Capability, emulated
from hitl_core.contracts import Broke, Completed, Ending, Finding, Paused, Turn
from hitl_core.errors import AppChanged, AppRefused, LeaseLost
from hitl_core.protocol import Json, Run
from hitl_core.tools import Catalogue

from .driving import Halt, driving
from .errors import GraphDrained, UnknownInterruptError, in_words, is_invalid_resume, require_version
from .mapping import Codecs, Sites, findings
from .resume import App, Resumption
from .savers import open_saver
from .suspend import Engine

NAME: Final = "langgraph"

CAPABILITIES: Final[Capabilities] = {
    Capability.GATE_TOOLS: NATIVE,
    Capability.LIFT_NATIVE_PAUSES: NATIVE,
    Capability.EDIT_ARGUMENTS: NATIVE,
    Capability.RESPOND_IN_PLACE: NATIVE,
    Capability.ASK_QUESTIONS: NATIVE,
    Capability.OFFER_CHOICES: NATIVE,
    Capability.REVIEW_OUTPUT: NATIVE,
    Capability.HANDOFF_TO_HUMAN: emulated("a question tool; LangGraph has no participant that is a person"),
    Capability.PARALLEL_PAUSES: NATIVE,
    Capability.NESTED_PAUSES: NATIVE,
    Capability.SURVIVE_RESTART: NATIVE,
    Capability.DETECT_IN_DOUBT: emulated("our record of started effects; LangGraph runs a node again by itself"),
    Capability.STREAM_EVENTS: NATIVE,
    Capability.DRAIN: NATIVE,
    Capability.UNDO_BY_FORK: NATIVE,
    Capability.NEUTRAL_SPEC: NATIVE,
}


@dataclass(frozen=True, slots=True)
class LangGraphOptions:
    """`[backend.options]` for LangGraph.

    checkpointer: where agents built from a spec keep their state, `sqlite:///FILE` or `postgresql://…`.
    codecs: what an answer means at a pause of an unchanged graph, by node (see mapping).
    safe_nodes: nodes without effects of their own, which may simply run again after a crash.
    """

    checkpointer: str = "sqlite:///hitl-langgraph.db"
    codecs: dict[str, Any] = field(default_factory=dict)
    safe_nodes: tuple[str, ...] = ()


class LangGraphAdapter:
    """Drives one compiled graph: the app's own, or one built from an AgentSpec."""

    name = NAME
    capabilities: Capabilities = CAPABILITIES
    Options = LangGraphOptions

    def __init__(self, app: AppSource, *, options: LangGraphOptions = LangGraphOptions(), catalogue: Catalogue) -> None:
        require_version()
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
            graph = await self._build()
            sites = Sites(graph)
            self._findings = findings(graph, self._codecs, sites=sites)
            reasons = [each for each in self._findings if each.level == "refuse"]
            if reasons:
                raise AppRefused("; ".join(f"{each.place}: {each.message}" for each in reasons))
            self._engine = Engine(graph)
            self._app = App(self._codecs, sites, self._safe_nodes())
        return self._findings

    async def advance(self, turn: Turn) -> Ending:
        """Start the graph, or read what it waits for, lower the decisions and resume it."""
        await self.attach()
        engine, app = self._engine, self._app
        assert engine is not None
        assert app is not None
        resumption = Resumption(turn, engine, app)
        try:
            with driving(turn):
                return await self._advance(turn, engine, resumption)
        except Halt as exc:
            if turn.gate.stopped is None:
                raise LeaseLost(str(exc)) from exc
            return Broke(str(exc), checkpoint=turn.checkpoint)
        except GraphDrained as exc:
            return Broke(in_words(exc), checkpoint=turn.checkpoint)

    async def cancel(self, run: Run, checkpoint: Json) -> None:
        """End the thread in LangGraph, so that a late answer there is a no-op."""
        await self.attach()
        assert self._engine is not None
        if checkpoint is not None:
            await self._engine.forget(run.thread)

    async def undo(self, run: Run, checkpoint: Json) -> Json:
        """Fork the thread at the checkpoint of its last pause; the pauses there are asked anew."""
        await self.attach()
        assert self._engine is not None
        paused = checkpoint.get("paused") if isinstance(checkpoint, dict) else None
        if not isinstance(paused, dict):
            raise AppChanged(f"run {run.id} has no pause to go back to")
        await self._engine.fork(paused)
        return {**cast("dict[str, Json]", checkpoint), "forked": True}

    async def close(self) -> None:
        """Close the checkpointer if it was opened here, and the app's own contexts."""
        await self._stack.aclose()

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _advance(self, turn: Turn, engine: Engine, resumption: Resumption) -> Ending:
        step = await resumption.first_step(self._input)
        while not isinstance(step, Paused | Completed | Broke):
            emit = turn.emit if turn.watched else None
            try:
                reached = await engine.drive(turn.run.thread, step.given, emit=emit, run=turn.run.id)
            except UnknownInterruptError:
                step = await resumption.look_again()
                continue
            except Halt:
                raise
            except Exception as exc:
                if is_invalid_resume(exc):
                    return await resumption.asked_again(in_words(exc))
                raise
            step = await resumption.after(reached)
        return step

    def _input(self, value: Json) -> Any:
        if not self._spec_built:
            return value
        from .build import agent_input

        return agent_input(value)

    def _safe_nodes(self) -> frozenset[str]:
        """Nodes that may run again: those of our own agents only call the model and gated tools."""
        own = ("model", "tools") if self._spec_built else ()
        return frozenset((*own, *self._options.safe_nodes))

    async def _build(self) -> Any:
        spec = self._source.spec()
        if spec is None:
            return await self._enter(self._source.load())
        from .build import build_agent

        for tool in spec.all_tools():
            self._catalogue.learn(tool)
        self._spec_built = True
        saver = await self._stack.enter_async_context(open_saver(self._options.checkpointer, self._source.folder))
        return build_agent(spec, checkpointer=saver)

    async def _enter(self, app: Any) -> Any:
        """The compiled graph of an app: a graph, a factory, an async factory, or a context manager of one."""
        made = app
        if callable(made) and not hasattr(made, "get_state"):
            made = made()
        if inspect.isawaitable(made):
            made = await made
        if hasattr(made, "__aenter__"):
            made = await self._stack.enter_async_context(made)
        elif hasattr(made, "__enter__"):
            made = self._stack.enter_context(made)
        if not hasattr(made, "get_state"):
            raise AppRefused(f"{self._source.reference} gives a {type(made).__name__}, not a compiled graph")
        return made

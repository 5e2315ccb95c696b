"""The engine: drives one compiled graph strictly to its next stop, and reads its state back.

Rules measured in research/langgraph.md §0: resume by interrupt id, in strict mode, with `durability="sync"`, never with
a checkpoint id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.constants import END
from langgraph.runtime import RunControl
from langgraph.types import Command, StateSnapshot

from hitl_core.errors import AppChanged
from hitl_core.protocol import LiveEvent

from ..mapping import NativePause, is_async
from .snapshot import MARK, breakpoint_at
from .watching import Reached, Watch

STRICT: Final = "__pregel_strict_resume"
"""Private key of langgraph: an answer for an interrupt that is not pending raises, instead of nothing."""


class Engine:
    """Drives one compiled graph, on the event loop or, with a saver that has no async face, in a thread."""

    def __init__(self, graph: Any, *, has_breakpoints: bool = False, has_subgraphs: bool = True) -> None:
        self.graph = graph
        self.has_breakpoints = has_breakpoints
        self._has_subgraphs = has_subgraphs
        self.threaded = not is_async(graph.checkpointer)
        self._controls: dict[str, RunControl] = {}

    @property
    def forgets(self) -> str:
        """Why the saver may have lost a thread by itself, "" if it keeps them on disk."""
        ends = isinstance(self.graph.checkpointer, InMemorySaver)
        return "InMemorySaver forgets every thread when its process ends" if ends else ""

    def config(self, thread: str, *, run: str = "", strict: bool = False) -> dict[str, Any]:
        configurable: dict[str, Any] = {"thread_id": thread}
        if strict:
            configurable[STRICT] = True
        return {"configurable": configurable, "metadata": {MARK: run}} if run else {"configurable": configurable}

    async def snapshot(self, thread: str, *, subgraphs: bool = False) -> StateSnapshot:
        """The state of a thread as the saver has it."""
        return await self._state(self.config(thread), subgraphs=subgraphs)

    async def parent(self, snapshot: StateSnapshot) -> StateSnapshot | None:
        """The state before a state, None for the first."""
        config = snapshot.parent_config
        return None if config is None else await self._state(cast("dict[str, Any]", config), subgraphs=False)

    async def _state(self, config: dict[str, Any], *, subgraphs: bool) -> StateSnapshot:
        if self.threaded:
            found = await asyncio.to_thread(self.graph.get_state, config, subgraphs=subgraphs)
        else:
            found = await self.graph.aget_state(config, subgraphs=subgraphs)
        return cast("StateSnapshot", found)

    async def channels(self, snapshot: StateSnapshot) -> dict[str, Any]:
        """The channels of the checkpoint of a snapshot, those that LangGraph keeps for itself too."""
        saver: Any = self.graph.checkpointer
        read = asyncio.to_thread(saver.get_tuple, snapshot.config) if self.threaded else None
        found = await (read or saver.aget_tuple(snapshot.config))
        return dict(found.checkpoint["channel_values"]) if found is not None else {}

    async def drive(self, thread: str, given: Any, *, emit: Callable[[LiveEvent], None] | None, run: str) -> Reached:
        """Invoke the graph with an input, None (go on) or a Command, to its next stop.

        `emit` None means that nobody watches. Raises what the graph raises.
        """
        heard = _from_thread(emit) if self.threaded and emit else emit
        watch = Watch(run, heard, nested=self._has_subgraphs or emit is not None)
        config: Any = {**self.config(thread, run=run, strict=isinstance(given, Command)), "callbacks": watch.callbacks}
        control = self._controls[run] = RunControl()
        how: dict[str, Any] = {
            "durability": "sync",
            "control": control,
            "stream_mode": watch.modes,
            "subgraphs": watch.nested,
        }
        try:
            if self.threaded:
                await _to_its_end(asyncio.to_thread(self._stream, given, config, how, watch), control)
            else:
                async for part in self.graph.astream(given, config, **how):
                    watch.take(part)
            return watch.reached()
        finally:
            self._controls.pop(run, None)

    def _stream(self, given: Any, config: dict[str, Any], how: dict[str, Any], watch: Watch) -> None:
        for part in self.graph.stream(given, config, **how):
            watch.take(part)

    def drain(self, run: str, reason: str) -> bool:
        """Ask a graph that is working to end after its current step; True if it is working here."""
        control = self._controls.get(run)
        if control is not None:
            control.request_drain(reason)
        return control is not None

    async def forget(self, thread: str, *, run: str) -> None:
        """Cancel a paused thread: nothing is pending any more and a late answer is a no-op (research §1.6)."""
        await self._update(self.config(thread, run=run), as_node=END)

    async def fork(self, paused: dict[str, str], *, run: str) -> None:
        """Go back to a paused checkpoint on a new branch, where its pauses are asked anew (research §1.5)."""
        await self._update({"configurable": dict(paused), "metadata": {MARK: run}}, as_node="__copy__")

    async def unanswer(self, thread: str, *, run: str) -> None:
        """Drop the answers that the pending steps were given: they ask anew, under new ids (research §2.4)."""
        await self._update(self.config(thread, run=run), as_node="__copy__")

    async def _update(self, config: dict[str, Any], *, as_node: str) -> None:
        if self.threaded:
            await asyncio.to_thread(self.graph.update_state, config, None, as_node=as_node)
        else:
            await self.graph.aupdate_state(config, None, as_node=as_node)

    def breakpoint(self, snapshot: StateSnapshot) -> NativePause:
        """The static breakpoint at which the thread stands. Raises AppChanged if nothing is left to do there."""
        if not snapshot.next:
            raise AppChanged("the graph says that it paused, and nothing is left to do in it")
        return breakpoint_at(snapshot, self.graph)


async def _to_its_end(working: Coroutine[Any, Any, None], control: RunControl) -> None:
    """Wait for a graph in a thread. A cancelled wait ends the graph too, after its current step: nothing can stop a
    thread, and whatever it began after that would run for a lease that is somebody else's."""
    task = asyncio.ensure_future(working)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        control.request_drain("its turn was cancelled")
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # taken notice of
        raise


def _from_thread(emit: Callable[[LiveEvent], None]) -> Callable[[LiveEvent], None]:
    """`emit` for another thread: it runs on this event loop."""
    loop = asyncio.get_running_loop()
    return lambda event: _ignored(loop.call_soon_threadsafe(emit, event))


def _ignored(_: object) -> None:
    return None

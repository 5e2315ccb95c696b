"""How LangGraph stops and starts: one engine that drives a compiled graph strictly, and reads its pauses back.

Rules measured in research/langgraph.md §0: resume by interrupt id, in strict mode where the version has it, with
`durability="sync"`, never with a checkpoint id; pauses are read from `get_state`, not from the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from langchain_core.messages import AIMessageChunk, BaseMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.constants import END
from langgraph.runtime import RunControl
from langgraph.types import Command, Interrupt, PregelTask, StateSnapshot

from hitl_core.protocol import Json, LiveEvent, LiveKind

from .errors import HAS_STRICT_RESUME
from .mapping import NativePause

STRICT: Final = "__pregel_strict_resume"
"""Private key of langgraph >= 1.2.20: an answer for an interrupt that is not pending raises, instead of nothing."""

ANSWER_SLOT: Final = "__resume__"


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a drive got: the returned value, and whether the graph says that it was interrupted."""

    value: Any
    interrupted: bool


class Engine:
    """Drives one compiled graph, on the event loop or, with a saver that has no async face, in a thread."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.threaded = not _is_async(graph.checkpointer)
        self._controls: dict[str, RunControl] = {}

    def config(self, thread: str, *, strict: bool = False) -> dict[str, Any]:
        configurable: dict[str, Any] = {"thread_id": thread}
        if strict and HAS_STRICT_RESUME:
            configurable[STRICT] = True
        return {"configurable": configurable}

    async def snapshot(self, thread: str, *, subgraphs: bool = False) -> StateSnapshot:
        """The state of a thread as the saver has it."""
        config = self.config(thread)
        if self.threaded:
            return cast("StateSnapshot", await asyncio.to_thread(self.graph.get_state, config, subgraphs=subgraphs))
        return cast("StateSnapshot", await self.graph.aget_state(config, subgraphs=subgraphs))

    async def drive(self, thread: str, given: Any, *, emit: Callable[[LiveEvent], None] | None, run: str) -> Reached:
        """Invoke the graph with an input, None (go on) or a Command, to its next stop.

        `emit` None means that nobody watches. Raises what the graph raises.
        """
        config = self.config(thread, strict=isinstance(given, Command))
        control = self._controls[run] = RunControl()
        try:
            if emit is not None and not self.threaded:
                return await self._streamed(given, config, control, emit, run)
            call: dict[str, Any] = {"durability": "sync", "control": control}
            if self.threaded:
                value = await asyncio.to_thread(self.graph.invoke, given, config, **call)
            else:
                value = await self.graph.ainvoke(given, config, **call)
            return Reached(value, isinstance(value, dict) and "__interrupt__" in value)
        finally:
            self._controls.pop(run, None)

    def drain(self, run: str, reason: str) -> bool:
        """Ask a graph that is working to end after its current step; True if it is working here."""
        control = self._controls.get(run)
        if control is not None:
            control.request_drain(reason)
        return control is not None

    async def forget(self, thread: str) -> None:
        """Cancel a paused thread: nothing is pending any more and a late answer is a no-op (research §1.6)."""
        await self._update(self.config(thread), None, as_node=END)

    async def fork(self, paused: dict[str, Any]) -> None:
        """Go back to a paused checkpoint on a new branch, where its pauses are asked anew (research §1.5)."""
        config = {"configurable": dict(paused)}
        await self._update(config, None, as_node="__copy__")

    async def _update(self, config: dict[str, Any], values: Any, *, as_node: str) -> None:
        if self.threaded:
            await asyncio.to_thread(self.graph.update_state, config, values, as_node=as_node)
        else:
            await self.graph.aupdate_state(config, values, as_node=as_node)

    @property
    def has_breakpoints(self) -> bool:
        """Whether the graph was compiled with static breakpoints, which return without saying so."""
        return bool(self.graph.interrupt_before_nodes or self.graph.interrupt_after_nodes)

    def breakpoints(self, snapshot: StateSnapshot) -> list[NativePause]:
        """The static breakpoint at which a thread with work left stands, as one pause (research §1.2).

        A snapshot does not tell a breakpoint after a node from a crash before the next one; both ask a person.
        """
        if not snapshot.next or not self.has_breakpoints:
            return []
        before = [name for name in snapshot.next if name in _names(self.graph.interrupt_before_nodes, snapshot.next)]
        if not before and not self.graph.interrupt_after_nodes:
            return []
        where = snapshot.config.get("configurable", {}).get("checkpoint_id", "")
        node = ", ".join(before or snapshot.next)
        return [NativePause(f"static:{where}", node, static="before" if before else "after")]

    async def answers_held(self, thread: str, task_id: str) -> int:
        """How many answers a task holds: with versions before 1.2.20 part of the identity of its next pause."""
        config = self.config(thread)
        saver = self.graph.checkpointer
        kept = await asyncio.to_thread(saver.get_tuple, config) if self.threaded else await saver.aget_tuple(config)
        writes = kept.pending_writes or [] if kept else []
        return sum(len(value) for task, channel, value in writes if task == task_id and channel == ANSWER_SLOT)

    async def _streamed(
        self, given: Any, config: dict[str, Any], control: RunControl, emit: Callable[[LiveEvent], None], run: str
    ) -> Reached:
        value: Any = None
        interrupted = False
        parts: AsyncIterator[Any] = self.graph.astream(
            given,
            config,
            durability="sync",
            control=control,
            stream_mode=["values", "updates", "messages", "custom"],
            subgraphs=True,
        )
        async for namespace, mode, part in parts:
            if mode == "values" and not namespace:
                value = part
            elif mode == "updates" and "__interrupt__" in part:
                interrupted = True
            for event in live_events(run, namespace, mode, part):
                emit(event)
        return Reached(value, interrupted)


def _names(given: Any, every: tuple[str, ...]) -> tuple[str, ...]:
    """Breakpoint nodes as names; "*" stands for all."""
    return every if given == "*" else tuple(given or ())


def _is_async(saver: Any) -> bool:
    """Whether a saver has an async face of its own; the base class only raises NotImplementedError."""
    own = type(saver).aget_tuple
    if own is BaseCheckpointSaver.aget_tuple:
        return False
    return type(saver).__name__ != "SqliteSaver"  # overrides aget_tuple only to raise NotImplementedError


# ── reading pauses ───────────────────────────────────────────────────────────────────────────────────────────


def pauses(snapshot: StateSnapshot, path: tuple[str, ...] = ()) -> Iterator[NativePause]:
    """The pauses of a snapshot that wait for an answer, in path order, each once with its innermost node."""
    seen: set[str] = set()
    for task in snapshot.tasks:
        for pause in _of_task(task, path):
            if pause.interrupt_id not in seen:
                seen.add(pause.interrupt_id)
                yield pause


def _of_task(task: PregelTask, path: tuple[str, ...]) -> Iterator[NativePause]:
    if task.result is not None:
        return
    inner = isinstance(task.state, StateSnapshot) and [*pauses(task.state, (*path, task.name))]
    if inner:
        yield from inner
        return
    for each in task.interrupts:
        yield NativePause(
            interrupt_id=each.id,
            node=task.name,
            path=path,
            task_id=task.id,
            value=each.value,
            response_schema=_schema(each),
            static=None,
        )


def _schema(each: Interrupt[Any]) -> dict[str, Json] | None:
    schema = getattr(each, "response_schema", None)  # since 1.2.14
    return schema if isinstance(schema, dict) else None


def has_inner(snapshot: StateSnapshot) -> bool:
    """Whether a pause is in a subgraph, so that a second look with `subgraphs=True` finds its node."""
    return any(task.interrupts and task.state is not None for task in snapshot.tasks)


def unfinished(snapshot: StateSnapshot) -> tuple[PregelTask, ...]:
    """The tasks that were started, or are next, and have no result."""
    return tuple(task for task in snapshot.tasks if task.result is None)


# ── live events ──────────────────────────────────────────────────────────────────────────────────────────────


def live_events(run: str, namespace: tuple[str, ...], mode: str, part: Any) -> Iterator[LiveEvent]:
    """What a part of LangGraph's stream means for those who watch."""
    node = "/".join(name.partition(":")[0] for name in namespace)
    if mode == "messages":
        yield from _message_events(run, node, part[0], part[1])
    elif mode == "custom":
        yield LiveEvent(run_id=run, kind=LiveKind.CUSTOM, node=node, data=_json(part))
    elif mode == "updates":
        for name in part:
            if name != "__interrupt__":
                yield LiveEvent(run_id=run, kind=LiveKind.STEP, node="/".join(filter(None, (node, name))))


def _message_events(run: str, node: str, message: BaseMessage, metadata: dict[str, Any]) -> Iterator[LiveEvent]:
    where = node or str(metadata.get("langgraph_node", ""))
    if isinstance(message, AIMessageChunk):
        if message.text:
            yield LiveEvent(run_id=run, kind=LiveKind.TEXT, node=where, id=message.id or "", text=message.text)
        for call in message.tool_call_chunks:
            data = {
                "name": call.get("name"),
                "args": call.get("args"),
                "id": call.get("id"),
                "index": call.get("index"),
            }
            yield LiveEvent(
                run_id=run, kind=LiveKind.TOOL_CALL, node=where, id=message.id or "", data=cast("Json", data)
            )
    elif message.type == "tool":
        data = {"tool_call_id": getattr(message, "tool_call_id", None)}
        yield LiveEvent(
            run_id=run, kind=LiveKind.TOOL_RESULT, node=where, text=str(message.text), data=cast("Json", data)
        )


def _json(value: Any) -> Json:
    from hitl_core.tools import as_json

    try:
        return as_json(value)
    except (TypeError, ValueError):
        return str(value)

"""What LangGraph says while it works: its values, the steps that paused, and that the graph as a whole has paused.

A pause is lifted from here where it is certain, because reading a thread's state costs as much as a step of the
graph. Where several pauses wait, or a value is not plain JSON, the state is read instead: its order is stable and its
values are those that another process will see (research/langgraph.md §0.10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackManager
from langgraph.callbacks import GraphCallbackHandler, GraphInterruptEvent

from hitl_core.protocol import LiveEvent

from ..mapping import NativePause
from ..mapping.live import MODES as LIVE_MODES
from ..mapping.live import Live
from ..mapping.rendering import is_plain

MODES: Final = ("values", "tasks")


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a drive got. `paused` is LangGraph's own word; a static breakpoint pauses without interrupts.

    `waits` are the pauses, None if the state has to be read to know them; `nodes` the steps of the root graph in
    which they are.
    """

    value: Any
    paused: bool
    checkpoint_id: str = ""
    waits: tuple[NativePause, ...] | None = None
    nodes: tuple[str, ...] = ()
    at_breakpoint: bool = False


class Watch(GraphCallbackHandler):
    """Listens to one drive. `emit` None means that nobody watches; `nested`, that subgraphs are heard too (dearer)."""

    ignore_agent = ignore_chain = ignore_chat_model = ignore_custom_event = ignore_llm = True
    ignore_retriever = ignore_retry = True
    run_inline = True

    def __init__(self, run: str, emit: Callable[[LiveEvent], None] | None, *, nested: bool) -> None:
        self.nested = nested
        self._live, self._emit = Live(run), emit
        self._event: GraphInterruptEvent | None = None
        self._value: Any = None
        self._stopped: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    @property
    def modes(self) -> list[str]:
        return list(MODES) if self._emit is None else [*LIVE_MODES, "tasks"]

    @property
    def callbacks(self) -> BaseCallbackManager:
        """Only the root graph's: a handler that every node inherits costs time in each of them."""
        return AsyncCallbackManager(handlers=[self], inheritable_handlers=[])

    def on_interrupt(self, event: GraphInterruptEvent) -> None:
        if not event.checkpoint_ns:
            self._event = event

    def take(self, heard: tuple[Any, ...]) -> None:
        """One part of the stream."""
        namespace, mode, part = heard if self.nested else ((), *heard)
        if mode == "values" and not namespace:
            self._value = part
        elif mode == "tasks" and part.get("interrupts"):
            self._stopped.append((namespace, part))
        if self._emit is not None:
            for event in self._live.events(namespace, mode, part):
                self._emit(event)

    def reached(self) -> Reached:
        event = self._event
        if event is None:
            return Reached(self._value, paused=False)
        nodes = {part["name"] for namespace, part in self._stopped if not namespace}
        return Reached(
            self._value,
            paused=True,
            checkpoint_id=event.checkpoint_id,
            waits=self._waits({each.id for each in event.interrupts}),
            nodes=tuple(sorted(nodes)),
            at_breakpoint=not event.interrupts,
        )

    def _waits(self, ids: set[str]) -> tuple[NativePause, ...] | None:
        innermost: dict[str, NativePause] = {}
        for namespace, part in self._stopped:
            path = tuple(name.partition(":")[0] for name in namespace)
            for each in part["interrupts"]:
                known = innermost.get(each["id"])
                if known is None or len(known.path) < len(path):
                    innermost[each["id"]] = _pause(path, part, each)
        certain = set(innermost) == ids and all(is_plain(pause.value) for pause in innermost.values())
        return tuple(innermost.values()) if certain else None


def _pause(path: tuple[str, ...], part: dict[str, Any], each: dict[str, Any]) -> NativePause:
    schema = each.get("response_schema")
    known = schema if isinstance(schema, dict) else None
    return NativePause(each["id"], part["name"], path, each["value"], known)

"""A graph's stream as live events for those who watch.

The ids are LangGraph's own: a message has its id in the state too, and a call the one that the model gave it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage

from hitl_core.protocol import Json, LiveEvent, LiveKind, call_event, result_event, text_event

from .output import plain

MODES: Final = ("values", "messages", "custom")
"""What is asked of LangGraph when somebody watches, besides its tasks."""

_NOT_STATE: Final = ("__interrupt__", "messages")


class Live:
    """The events of one drive. A call is told once its message is whole: its arguments come in pieces."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._calling: dict[str, tuple[str, AIMessageChunk]] = {}
        self._state: Json = {}

    def events(self, namespace: tuple[str, ...], mode: str, part: Any) -> Iterator[LiveEvent]:
        """What a part of LangGraph's stream means."""
        node = "/".join(name.partition(":")[0] for name in namespace)
        if mode == "messages":
            yield from self._message(node or str(part[1].get("langgraph_node", "")), part[0])
        elif mode == "custom":
            yield LiveEvent(run_id=self._run, kind=LiveKind.CUSTOM, node=node, data=plain(part))
        elif mode == "values" and not namespace:
            yield from self._values(part)
        elif mode == "tasks":
            yield from self._task(node, part)

    def _task(self, node: str, part: dict[str, Any]) -> Iterator[LiveEvent]:
        """A step that begins, or ends: then every message that it was at is whole."""
        if "triggers" in part:
            where = "/".join(filter(None, (node, part["name"])))
            yield LiveEvent(run_id=self._run, kind=LiveKind.STEP, node=where)
            return
        for name in [name for name, (where, _) in self._calling.items() if where in (node, part["name"])]:
            yield from self._called(name)

    def _values(self, values: Any) -> Iterator[LiveEvent]:
        """The app's own state, where it has any besides its messages, each time that it has changed."""
        if not isinstance(values, dict):
            return
        state: Json = {str(name): plain(each) for name, each in values.items() if name not in _NOT_STATE}
        if state != self._state:
            self._state = state
            yield LiveEvent(run_id=self._run, kind=LiveKind.STATE, data=state)

    def since_asked(self, values: Any) -> Iterator[LiveEvent]:
        """The messages of a state that came after the last of a user."""
        found = values.get("messages") if isinstance(values, dict) else None
        messages = [each for each in found if isinstance(each, BaseMessage)] if isinstance(found, list) else []
        for message in reversed(list(takewhile(lambda each: not isinstance(each, HumanMessage), reversed(messages)))):
            yield from self._message("", message)

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────

    def _message(self, node: str, message: BaseMessage) -> Iterator[LiveEvent]:
        name = message.id or ""
        if isinstance(message, AIMessage) and message.text:
            yield text_event(self._run, name, str(message.text), node=node)
        if isinstance(message, AIMessageChunk):
            yield from self._chunk(node, name, message)
        elif isinstance(message, AIMessage):
            yield from self._calls(node, name, message)
        elif isinstance(message, ToolMessage):
            yield result_event(self._run, message.tool_call_id, str(message.text), node=node)

    def _chunk(self, node: str, name: str, chunk: AIMessageChunk) -> Iterator[LiveEvent]:
        if chunk.tool_call_chunks:
            _, before = self._calling.get(name, (node, None))
            whole = chunk if before is None else before + chunk
            self._calling[name] = (node, whole)
        if chunk.chunk_position == "last":
            yield from self._called(name)

    def _called(self, name: str) -> Iterator[LiveEvent]:
        node, whole = self._calling.pop(name, ("", None))
        if whole is not None:
            yield from self._calls(node, name, whole)

    def _calls(self, node: str, name: str, message: AIMessage) -> Iterator[LiveEvent]:
        for call in (*message.tool_calls, *message.invalid_tool_calls):
            if call["id"]:
                tool, arguments = call["name"] or "", call["args"]
                yield call_event(self._run, call["id"], tool, arguments, message=name, node=node)

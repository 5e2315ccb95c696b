"""One ToolNode task for several calls: LangGraph hands an answer to whichever call reaches `interrupt()` first
(langgraph#6533), so nobody can say which one a person has answered. Such a pause is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.messages import AIMessage
from langgraph.types import PregelTask, StateSnapshot

from hitl_core.errors import PauseAmbiguous

from ..mapping import may_pause
from .engine import Engine
from .pauses import App
from .snapshot import pauses

_SENT: Final = "__pregel_tasks"
"""The channel of work that was sent with `Send`, and the first word of such a task's path is `__pregel_push`."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A ToolNode task in which something waits."""

    place: str
    node: Any
    task: PregelTask
    level: StateSnapshot


async def require_own_task(engine: Engine, app: App, snapshot: StateSnapshot, native: frozenset[str]) -> None:
    """Raises PauseAmbiguous if one of the `native` pauses is in a task whose other calls may take its answer."""
    for shared in _shared(app, snapshot, native):
        calls = _calls_in(await given_to(engine, shared.level, shared.task), shared.node)
        able = None if calls is None else [name for name in calls if _is_able(shared.node, name)]
        if calls is None or (len(calls) > 1 and able is not None and len(able) != 1):
            raise _unclear(shared.place, calls or ["calls that cannot be seen"])


def _unclear(place: str, calls: list[str]) -> PauseAmbiguous:
    return PauseAmbiguous(
        f"the pause at {place!r} cannot be answered safely: one ToolNode task has the calls {', '.join(calls)}, and "
        "LangGraph hands an answer to whichever asks first (langgraph#6533). Send each call on its own: "
        f"Send({place.rpartition('/')[2]!r}, [call]), or use create_agent, or gated_tool_node without interrupt() in "
        "the tools"
    )


def _shared(app: App, snapshot: StateSnapshot, native: frozenset[str], path: tuple[str, ...] = ()) -> Iterator[Shared]:
    for task in snapshot.tasks:
        if task.result is not None or not _waits(task, native):
            continue
        node = app.sites.tool_node(path, task.name)
        if node is not None:
            yield Shared("/".join((*path, task.name)), node, task, snapshot)
        if isinstance(task.state, StateSnapshot):
            yield from _shared(app, task.state, native, (*path, task.name))


def _waits(task: PregelTask, native: frozenset[str]) -> bool:
    inner = pauses(task.state) if isinstance(task.state, StateSnapshot) else ()
    return any(each.id in native for each in task.interrupts) or any(each.interrupt_id in native for each in inner)


async def given_to(engine: Engine, level: StateSnapshot, task: PregelTask) -> Any:
    """What a task was started with: the state, or what was sent to it."""
    if task.path[0] != "__pregel_push":
        return level.values
    sent = (await engine.channels(level)).get(_SENT, ())
    index = task.path[1]
    return sent[index].arg if isinstance(index, int) and index < len(sent) else None


def _calls_in(given: Any, node: Any) -> list[str] | None:
    """The names of the tool calls in a ToolNode's input, as ToolNode itself finds them; None if there are none."""
    if isinstance(given, dict) and given.get("__type") == "tool_call_with_context":
        return [given["tool_call"]["name"]]
    if isinstance(given, list) and given and isinstance(given[-1], dict) and given[-1].get("type") == "tool_call":
        return [call["name"] for call in given]
    key = getattr(node, "_messages_key", "messages")
    messages = given if isinstance(given, list) else given.get(key) if isinstance(given, dict) else getattr(given, key)
    last = next((each for each in reversed(messages or []) if isinstance(each, AIMessage)), None)
    return None if last is None else [call["name"] for call in last.tool_calls]


def _is_able(node: Any, name: str) -> bool:
    tool = node.tools_by_name.get(name)
    return tool is not None and may_pause(tool)

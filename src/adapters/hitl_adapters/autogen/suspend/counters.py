"""What AutoGen does not save: how far termination conditions have counted, and a graph's triggered groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from autogen_agentchat.base import AndTerminationCondition, TerminationCondition
from autogen_agentchat.messages import StopMessage
from autogen_agentchat.teams._group_chat._graph._digraph_group_chat import GraphFlowManager

from hitl_core.protocol import Json

_PLAIN: Final = (bool, int, float, str, type(None))
_STOPPED: Final = "stop_messages"


def counted(condition: TerminationCondition | None, *, since: Json = None) -> Json:
    """The plain attributes of a condition and of those inside it, in order; only what differs from `since`.

    They are read from the instance, so a condition of the app's own is counted as well. What a condition was built
    with is equal in a fresh team and therefore never restored: a changed limit counts at once.
    """
    before = cast("list[dict[str, Json]]", since or [])
    found: list[Json] = []
    for number, each in enumerate(_leaves(condition)):
        known = before[number] if number < len(before) else {}
        now = _plain(each)
        found.append({name: value for name, value in now.items() if name not in known or known[name] != value})
    return found


def recount(condition: TerminationCondition | None, saved: Json) -> None:
    """Let a fresh condition go on from where another one stood."""
    for each, values in zip(_leaves(condition), cast("list[dict[str, Any]]", saved or []), strict=False):
        for name, value in values.items():
            if name == _STOPPED:
                cast("Any", each)._stop_messages = [StopMessage.model_validate(message) for message in value]
            elif hasattr(each, name):
                setattr(each, name, value)


def _leaves(condition: TerminationCondition | None) -> Iterator[TerminationCondition]:
    if condition is None:
        return
    yield condition
    for each in getattr(condition, "_conditions", ()):
        yield from _leaves(each)


def _plain(condition: TerminationCondition) -> dict[str, Json]:
    values: dict[str, Json] = {name: value for name, value in vars(condition).items() if isinstance(value, _PLAIN)}
    if isinstance(condition, AndTerminationCondition):
        values[_STOPPED] = [cast("Json", message.model_dump(mode="json")) for message in condition._stop_messages]
    return values


def graph_extras(manager: object) -> Json:
    """What a graph's manager forgets when it is saved: by which group of edges a node was made ready."""
    if not isinstance(manager, GraphFlowManager):
        return None
    return {node: list[Json](sorted(groups)) for node, groups in manager._triggered_activation_groups.items()}


def restore_graph(manager: object, saved: Json) -> None:
    if isinstance(manager, GraphFlowManager) and isinstance(saved, dict):
        groups = cast("dict[str, list[str]]", saved)
        manager._triggered_activation_groups = {node: set(names) for node, names in groups.items()}

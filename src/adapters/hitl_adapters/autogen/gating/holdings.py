"""What an agent of the app's own has at hand to act with. Whatever it does with it passes the gate, or is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Team
from autogen_core.code_executor import CodeExecutor
from autogen_core.tools import BaseTool, Workbench

_TELLING: Final = (Workbench, BaseTool, CodeExecutor, BaseChatAgent, Team)


def holdings(agent: BaseChatAgent) -> Iterator[tuple[str, Any]]:
    """Tools, workbenches, code executors, agents and teams among an agent's attributes, one list or mapping deep."""
    for name, value in vars(agent).items():
        for each in _each(value):
            if isinstance(each, _TELLING) or (name.strip("_") == "tools" and callable(each)):
                yield name, each


def swap_workbenches(agent: BaseChatAgent, swap: Callable[[Workbench], Workbench]) -> None:
    """Put another workbench in the place of each that an agent holds."""

    def swapped(value: Any) -> Any:
        return swap(value) if isinstance(value, Workbench) else value

    for name, value in list(vars(agent).items()):
        if not any(isinstance(each, Workbench) for each in _each(value)):
            continue
        if isinstance(value, Mapping):
            setattr(agent, name, {key: swapped(each) for key, each in value.items()})
        else:
            setattr(agent, name, swapped(value) if isinstance(value, Workbench) else list(map(swapped, value)))


def _each(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list | tuple | set | frozenset) else (value,)

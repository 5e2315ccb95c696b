"""What the gate cannot see: tools that run without it, and tools that the model's provider runs itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from langchain_core.runnables import RunnableBinding, RunnableSequence
from langgraph.pregel import Pregel

from hitl_core.contracts import Finding
from hitl_core.errors import Fault
from hitl_core.protocol import ClientTool
from hitl_core.tools import name_taken

from .inference import Place, Sites, named_in, pauses_itself, tools_of
from .inference.source import functions_of
from .wrappers import is_gated, takes_tools

DELEGATES: Final = "hitl_delegates"
"""Metadata of a tool that only hands work to a sub-agent: it has no effect of its own, and what that agent does is
gated call by call."""

_OWN: Final = frozenset({"function", "custom"})
"""Types of tools that the app runs itself, as the providers' APIs call them."""
_OWN_KEYS: Final = ("function", "function_declarations", "input_schema", "toolSpec", "parameters")


def ungated_findings(sites: Sites, allowed: Collection[str]) -> Iterator[Finding]:
    """A warning per tool that runs without the gate, a refusal per tool that no gate can be put before; what is
    `allowed` by name is a note."""
    places = [*sites.places, *_inside_tools(sites.places, set())]
    for name in dict.fromkeys(_runs_free(places)):
        level, text = _said(name, allowed, "warn", "runs without the gate; add OversightMiddleware or gated_tool_node")
        yield Finding(level, "tools", text, ungated=True, tools=(name,))
    for name in dict.fromkeys(name for place in places for name in _provider_run(place)):
        why = "is run by the model's provider, where no gate is; take it out, or run it as a tool of the app"
        level, text = _said(name, allowed, "refuse", why)
        yield Finding(level, "tools", text, ungated=True, tools=(name,))


def names_of_tools(sites: Sites) -> frozenset[str]:
    """The names of all tools in a graph, and in graphs that its tools run."""
    places = [*sites.places, *_inside_tools(sites.places, set())]
    return frozenset(str(tool.name) for place in places for tool in tools_of(place.bound))


def room_faults(sites: Sites, tools: Collection[ClientTool]) -> list[Fault]:
    """Why a graph has no room for these client tools: it is no agent that we can tell of them, or has such names."""
    if not any(takes_tools(place) and not place.path for place in sites.places):
        named = ", ".join(each.name for each in tools)
        problem = f"({named}) have no place here: the graph is no create_agent with our OversightMiddleware"
        return [Fault("tools", problem)]
    taken = names_of_tools(sites)
    return [name_taken(each.name) for each in tools if each.name in taken]


def _said(name: str, allowed: Collection[str], level: str, why: str) -> tuple[str, str]:
    if name in allowed:
        return "note", f"{name!r} runs without the gate, as the options say"
    return level, f'{name!r} {why}; or say that it may: ungated = ["{name}"] under [backend.options] in hitl.toml'


def _inside_tools(places: Iterable[Place], seen: set[int]) -> Iterator[Place]:
    """The places of graphs that tools run themselves, such as an agent that is a tool."""
    for tool in (tool for place in places for tool in tools_of(place.bound)):
        for graph in (found for function in functions_of(tool) for found in named_in(function)):
            if isinstance(graph, Pregel) and id(graph) not in seen:
                seen.add(id(graph))
                inner = Sites(graph).places
                yield from (*inner, *_inside_tools(inner, seen))


def _runs_free(places: list[Place]) -> Iterator[str]:
    asked = {(id(place.graph), name) for place in places for name in _reviewed(place)}
    for place in places:
        if not list(tools_of(place.bound)) or is_gated(place.bound):
            continue
        for tool in tools_of(place.bound):
            if (
                (id(place.graph), tool.name) not in asked
                and not (tool.metadata or {}).get(DELEGATES)
                and not pauses_itself(tool)
            ):
                yield str(tool.name)


def _reviewed(place: Place) -> Iterator[str]:
    """The tools that LangChain's own middleware asks about."""
    for name in ("func", "afunc"):
        owner = getattr(getattr(place.bound, name, None), "__self__", None)
        asks = getattr(owner, "interrupt_on", None)
        yield from asks if isinstance(asks, dict) else ()


def _provider_run(place: Place) -> Iterator[str]:
    for found in _held(place.bound):
        tools = found.kwargs.get("tools") if isinstance(found, RunnableBinding) else found
        for each in tools if isinstance(tools, list) else ():
            if isinstance(each, dict) and _is_providers(each):
                yield str(each.get("name") or each.get("type") or next(iter(each)))


def _held(bound: Any) -> Iterator[Any]:
    """What a node holds that may be a model with its tools: itself, its steps, and what its functions name. An agent
    of `create_agent` keeps its tools in a list beside the model."""
    yield from _models(bound)
    for function in functions_of(bound):
        lists = function.__module__ == "langchain.agents.factory"
        for found in named_in(function):
            yield from [found] if lists and isinstance(found, list) else _models(found)


def _models(found: Any) -> Iterator[RunnableBinding[Any, Any]]:
    steps = getattr(found, "steps", ()) if isinstance(found, RunnableSequence) else ()
    yield from (each for each in (found, *steps) if isinstance(each, RunnableBinding))


def _is_providers(tool: dict[str, Any]) -> bool:
    if "type" in tool:
        return tool["type"] not in _OWN
    return bool(tool) and not any(key in tool for key in _OWN_KEYS)

"""The places in a compiled graph where it may pause, found by reading the source behind its nodes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

from langgraph.channels.last_value import LastValue
from langgraph.pregel import Pregel

from hitl_core.protocol import Json

from ..codecs import Codec
from ..pause import NativePause
from ..shapes import Shape
from ..vocabulary import asks_for_trouble
from .answers import infer
from .events import Event, Ref, Site, Value, What
from .payloads import could_be, example_of, state_keys_in, texts_in
from .scan import Scan, asks, read_function
from .source import functions_of, plain
from .verdicts import Unclear


@dataclass(slots=True)
class Place:
    """One node of one graph level, and what was read of it."""

    path: tuple[str, ...]
    node: str
    graph: Pregel[Any, Any, Any, Any]
    scans: list[Scan] = field(default_factory=list)
    unread: list[FunctionType] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "/".join((*self.path, self.node))

    @property
    def bound(self) -> Any:
        return self.graph.nodes[self.node].bound

    @property
    def is_graph(self) -> bool:
        """Whether the node is a graph itself."""
        return isinstance(self.bound, Pregel)

    @property
    def sends_calls(self) -> bool:
        """Whether this graph level sends work on with `Send`, so that calls run in tasks of their own."""
        routers = [f for branch in _branches(self.graph) for f in functions_of(branch.path)]
        nodes = [scan.function for scan in self.scans]
        return any("Send" in _names_in(function.__code__) for function in (*routers, *nodes))

    def example(self, site: Site) -> NativePause:
        """The pause of a site as far as its source shows it."""
        return NativePause("", self.node, self.path, value=example_of(site))

    @property
    def sites(self) -> Iterator[tuple[Scan, Site]]:
        return ((scan, site) for scan in self.scans for site in scan.sites.values())


class Sites:
    """All pause sites of a graph and its subgraphs. Built once; reads source, runs nothing."""

    def __init__(self, graph: Pregel[Any, Any, Any, Any]) -> None:
        self.graph = graph
        self.places = list(_places(graph, (), set()))
        for place in self.places:
            _read(place)
        for place in self.places:
            for scan, site in place.sites:
                self._follow_state(scan, site)

    def codec_for(self, pause: NativePause, shape: Shape) -> Codec:
        """The codec inferred for this pause. Raises Unclear."""
        found = self._candidates(pause)
        for name in self._unread_askers(pause):
            raise Unclear(f"{name}() may have paused here, and what is done with its answer was not read")
        if not found:
            raise Unclear("no interrupt() call was found in its source")
        if any(map(asks_for_trouble, texts_in(pause.value))):
            raise Unclear("it asks whether something is wrong, so that a yes may mean not to go on")
        fitting = [site for scan, site in found if could_be(site.payload, pause.value, site.literals)]
        if not fitting:
            raise Unclear("no interrupt() call in its source makes this payload")
        codecs = [infer(site, shape, parsed=pause.response_schema is not None) for site in fitting]
        if any(codec != codecs[0] for codec in codecs[1:]):
            lines = ", ".join(str(site.line) for site in fitting)
            raise Unclear(
                f"several interrupt() calls may have paused here (lines {lines}) and expect different answers"
            )
        return codecs[0]

    def indexes_answer(self, pause: NativePause) -> bool | None:
        """Whether the code takes `interrupt(…)[0]`; None if it cannot be seen (research/langgraph.md §3.2)."""
        found = [site for scan, site in self._candidates(pause) if could_be(site.payload, pause.value, site.literals)]
        heads = {isinstance(key, int) for site in found for key in site.keys}
        return heads.pop() if len(heads) == 1 and not any(site.lost for site in found) else None

    def tool_schema(self, tool: str) -> dict[str, Json] | None:
        """The argument schema that the model sees of a tool, if exactly one tool of the graph has that name."""
        found = {id(t): t for place in self.places for t in tools_of(place.bound) if t.name == tool}
        if len(found) != 1:
            return None
        schema = next(iter(found.values())).tool_call_schema
        return dict(schema if isinstance(schema, dict) else schema.model_json_schema())

    def graph_at(self, path: tuple[str, ...]) -> Any:
        """The graph of a level, None if it cannot be seen from outside."""
        return self.graph if not path else next((p.graph for p in self.places if p.path == path), None)

    def tool_node(self, path: tuple[str, ...], node: str) -> Any:
        """The ToolNode at a place, None if there is none."""
        here = (p.bound for p in self.places if (p.path, p.node) == (path, node))
        return next((bound for bound in here if list(tools_of(bound))), None)

    def _candidates(self, pause: NativePause) -> list[tuple[Scan, Site]]:
        here = [p for p in self.places if (p.path, p.node) == (pause.path, pause.node)]
        found = [pair for place in here for pair in place.sites]
        if found:
            return found
        inside = (*pause.path, pause.node)  # a subgraph that the node calls, or a pause seen from above
        return [pair for p in self.places if p.path[: len(inside)] == inside for pair in p.sites]

    def _unread_askers(self, pause: NativePause) -> Iterator[str]:
        here = [p for p in self.places if (p.path, p.node) == (pause.path, pause.node)]
        return (name for place in here for scan in place.scans for name in _unread_askers(scan.function))

    def _follow_state(self, scan: Scan, site: Site) -> None:
        """An answer stored in the state is used by whoever reads that key."""
        stored = [event for event in site.events if event.what is What.STORED]
        if any(event.detail == "*" for event in stored):
            scan.opaque({event.ref for event in stored}, "kept in a dict that is built up")
            site.gather(scan.events)
        site.came_from |= set(state_keys_in(site.payload, site.state_name, site.literals))
        for key in {event.detail for event in stored}:
            refs = frozenset(Ref(e.ref.site, e.ref.path) for e in stored if e.detail == key)
            for level in _levels(self.places):
                self._follow_key(level, key, refs, site)

    def _follow_key(self, level: list[Place], key: str, refs: Value, site: Site) -> None:
        channel = level[0].graph.channels.get(key)
        if not isinstance(channel, LastValue):  # a reducer makes something else of it, as messages do
            return
        if channel.typ is bool and any(not ref.path for ref in refs):
            site.bool_keys.add(key)
        unseen = next((name for place in level for name in _unseen_readers(place)), None)
        if unseen is not None:
            how = f"kept in the state, which {unseen} may read where it cannot be seen"
            site.gather(Event(ref, What.OPAQUE, detail=how) for ref in refs)
        readers = [s for place in level for s in _scans(place, {key: refs})]
        for reader in (*readers, *_branch_scans(level, {key: refs})):
            site.gather(reader.events)


def _unseen_readers(place: Place) -> Iterator[str]:
    """Functions that are given the state and cannot be read, and tools that have it injected."""
    yield from (function.__qualname__ for function in place.unread)
    for function in functions_of(place.bound) if list(tools_of(place.bound)) else ():
        if any(word in str(inspect.signature(function)) for word in ("InjectedState", "ToolRuntime")):
            yield function.__qualname__


def _names_in(code: CodeType) -> set[str]:
    inner = (part for part in code.co_consts if isinstance(part, CodeType))
    return {*code.co_names}.union(*(_names_in(part) for part in inner))


def tools_of(bound: Any) -> Iterable[Any]:
    """The tools of a ToolNode."""
    tools = getattr(bound, "tools_by_name", None)
    return tools.values() if isinstance(tools, dict) else ()


def subgraphs_of(bound: Any) -> list[Pregel[Any, Any, Any, Any]]:
    """The graph that a node is, also where its checkpointing is off (LangGraph itself leaves those out)."""
    return [part for part in (bound, *getattr(bound, "steps", ())) if isinstance(part, Pregel)]


def _places(graph: Pregel[Any, Any, Any, Any], path: tuple[str, ...], seen: set[int]) -> Iterator[Place]:
    if id(graph) in seen:
        return
    for name, node in graph.nodes.items():
        if name == "__start__":
            continue
        yield Place(path, name, graph)
        for sub in {id(s): s for s in (*subgraphs_of(node.bound), *node.subgraphs)}.values():
            if isinstance(sub, Pregel):
                yield from _places(sub, (*path, name), seen | {id(graph)})


def _levels(places: Iterable[Place]) -> list[list[Place]]:
    levels: dict[tuple[str, ...], list[Place]] = {}
    for place in places:
        levels.setdefault(place.path, []).append(place)
    return list(levels.values())


def _read(place: Place) -> None:
    place.scans = list(_scans(place, {}))
    read = {scan.function for scan in place.scans}
    place.unread = [function for function in functions_of(place.bound) if function not in read]
    if not _returns_state(place):
        return
    for scan in place.scans:
        whole = {ref for ref in scan.returned if not ref.boxed and not ref.path}
        scan.opaque(whole, "returned as the state update itself")
        for site in scan.sites.values():
            site.gather(scan.events)


def _returns_state(place: Place) -> bool:
    """Whether what the node's function returns is a state update (not a tool's result, not an entrypoint's)."""
    return hasattr(place.graph, "builder") and not list(tools_of(place.bound))


def _scans(place: Place, tainted: dict[str, Value]) -> Iterator[Scan]:
    for function in functions_of(place.bound):
        scan = read_function(function, tainted=tainted)
        if scan is not None:
            yield scan


def _unread_askers(function: FunctionType) -> Iterator[str]:
    """What a function names that may pause by itself and is not followed: `@task`s, decorated functions."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    for name in (*_names_in(function.__code__), *cells):
        try:
            found = cells[name].cell_contents if name in cells else function.__globals__.get(name)
        except ValueError:  # an empty cell
            continue
        inner = plain(found) if type(found).__name__ == "_TaskFunction" or hasattr(found, "__wrapped__") else None
        if inner is not None and asks(inner):
            yield name


def _branch_scans(level: list[Place], tainted: dict[str, Value]) -> Iterator[Scan]:
    for branch in _branches(level[0].graph):
        for function in functions_of(branch.path):
            scan = read_function(function, tainted=tainted)
            if scan is not None:
                yield scan


def _branches(graph: Pregel[Any, Any, Any, Any]) -> list[Any]:
    """The conditional edges of a StateGraph."""
    sources = getattr(getattr(graph, "builder", None), "branches", {})
    return [branch for branches in sources.values() for branch in branches.values()]

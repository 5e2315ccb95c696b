"""What is found in a graph at attach time that would lose a pause, skip the gate or need a word from the user."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.pregel import Pregel

from hitl_core.contracts import Finding

from ..errors import registration
from . import inbox
from .inference import Place, Site, Sites, Unclear, infer, subgraphs_of, swallowing, tools_of, wrappers_of
from .registry import Codecs
from .shapes import shape_of
from .ungated import ungated_findings
from .wrappers import wrapper_findings

_ROOT: Final = "graph"


def findings(
    graph: Pregel[Any, Any, Any, Any],
    codecs: Codecs | None = None,
    *,
    sites: Sites | None = None,
    ungated: Collection[str] = (),
) -> tuple[Finding, ...]:
    """Everything worth saying about a compiled graph, refusals first; `ungated` are tools that need no gate."""
    sites = sites or Sites(graph)
    found = [
        *_checkpointer(graph),
        *_static(sites),
        *(f for place in sites.places for f in _place(place, codecs or Codecs())),
        *(f for place in sites.places for f in wrapper_findings(place)),
        *ungated_findings(sites, ungated),
        *middleware_findings(sites),
    ]
    order = ("refuse", "warn", "note")
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: order.index(finding.level)))


def _checkpointer(graph: Pregel[Any, Any, Any, Any]) -> Iterator[Finding]:
    """Without one the first run still pauses, and cannot be resumed (research/langgraph.md §1.4)."""
    saver = graph.checkpointer
    if not isinstance(saver, BaseCheckpointSaver):
        text = "has no checkpointer, so a pause could not be resumed; compile it with one: compile(checkpointer=…)"
        yield Finding("refuse", _ROOT, text)
        return
    if isinstance(saver, InMemorySaver):
        text = "InMemorySaver forgets every pause when this process ends; a saver on disk keeps them: AsyncSqliteSaver"
        yield Finding("warn", _ROOT, text)
    if not is_async(saver):
        name = type(saver).__name__
        yield Finding("note", _ROOT, f"{name} has no async methods; it runs in a thread. Async{name} avoids that")


def is_async(saver: Any) -> bool:
    """Whether a saver has an async face of its own; SqliteSaver's and the base class's only raise (research §4)."""
    own = type(saver).aget_tuple
    return own is not BaseCheckpointSaver.aget_tuple and own.__qualname__ != "SqliteSaver.aget_tuple"


def _static(sites: Sites) -> Iterator[Finding]:
    for place in sites.places:
        for side, nodes in (
            ("before", place.graph.interrupt_before_nodes),
            ("after", place.graph.interrupt_after_nodes),
        ):
            if nodes == "*" or place.node in nodes:
                yield Finding("note", place.name, f"static breakpoint {side} it: approve goes on, reject cancels")


def _place(place: Place, codecs: Codecs) -> Iterator[Finding]:
    for scan, site in place.sites:
        at = f"{place.name}:{site.line}"
        if site.swallowed:
            text = f"{site.swallowed} around interrupt() swallows the pause: the code goes on unapproved. Let it pass"
            yield Finding("refuse", at, text)
        elif scan.function.__module__.partition(".")[0] not in ("langchain", "langgraph"):
            yield _codec(place, site, at, codecs)
    if any(True for _ in place.sites):
        yield from _wrappers(place)
    yield from _tools(place)
    yield from _without_checkpoints(place)


def _codec(place: Place, site: Site, at: str, codecs: Codecs) -> Finding:
    if {place.name, place.node} & codecs.places():
        return Finding("note", at, "codec registered")
    if site.has_schema:
        return Finding("note", at, "answers must fit its response_schema")
    example = place.example(site)
    if inbox.request_in(example.value) is not None:
        return Finding("note", at, "speaks the Agent Inbox protocol")
    try:
        codec = infer(site, shape_of(example))
    except Unclear as unclear:
        return Finding("warn", at, f"ambiguous: {unclear}. {registration(place.name)}")
    told = ", ".join(f"{reply.value} → {template!r}" for reply, template in codec.replies.items())
    return Finding("note", at, f"inferred codec {codec.name!r}: {told}")


def _wrappers(place: Place) -> Iterator[Finding]:
    for wrapper in wrappers_of(place.bound):
        eaten = swallowing(wrapper)
        if eaten:
            text = f"{eaten} in its decorator {wrapper.__qualname__} may swallow the pause; let GraphInterrupt pass"
            yield Finding("warn", place.name, text)


def _tools(place: Place) -> Iterator[Finding]:
    """One ToolNode task for several calls gives an answer to whichever gets there first (langgraph#6533)."""
    pausing = {scan.function.__name__ for scan, _ in place.sites} if list(tools_of(place.bound)) else set()
    if pausing and not place.sends_calls:
        text = (
            f"{', '.join(sorted(pausing))} may pause in one ToolNode task; called together or twice, an answer can "
            "reach the wrong call (langgraph#6533), so such a pause is refused. Send each call on its own: "
            "Send(node, [call])"
        )
        yield Finding("warn", place.name, text)


def _without_checkpoints(place: Place) -> Iterator[Finding]:
    for sub in subgraphs_of(place.bound):
        if sub.checkpointer is False:
            text = "is a subgraph with checkpointer=False: a pause in it asks again for ever, under a new id each time"
            yield Finding("refuse" if _pauses(sub) else "note", place.name, text)


def _pauses(graph: Pregel[Any, Any, Any, Any]) -> bool:
    return any(True for place in Sites(graph).places for _ in place.sites)


_HOOKS: Final = ("before_agent", "before_model", "after_model", "after_agent")


def middleware_findings(sites: Sites) -> Iterator[Finding]:
    """What `create_agent` graphs are told about their middleware."""
    found = _middleware(sites)
    gates = [(place, m) for place, m in found if hasattr(m, "interrupt_on")]
    for place, gate in gates:
        yield from _gate(place, gate)
        yield from _jumps(place, [m for where, m in found if where[0] == place[0] and m is not gate])


def _middleware(sites: Sites) -> list[tuple[tuple[tuple[str, ...], str], Any]]:
    """Middleware instances by the nodes that `create_agent` makes of their hooks."""
    found: dict[int, tuple[tuple[tuple[str, ...], str], Any]] = {}
    for place in sites.places:
        function = getattr(place.bound, "func", None) or getattr(place.bound, "afunc", None)
        owner = getattr(function, "__self__", None)
        if owner is not None and hasattr(type(owner), "wrap_tool_call"):
            found.setdefault(id(owner), ((place.path, place.name), owner))
    return list(found.values())


def _gate(place: tuple[tuple[str, ...], str], gate: Any) -> Iterator[Finding]:
    if getattr(gate, "interrupt_mode", "batched") == "batched":
        text = "batched approvals: a request per call, lowered together; an edit cannot switch tools (langchain#40166)"
        yield Finding("note", place[1], text)
    for tool, config in gate.interrupt_on.items():
        if config.get("when") is not None:
            text = (
                f"the `when` of {tool!r} runs again on resume; if it then says False, the answer is skipped "
                "and the tool runs even if it was rejected"
            )
            yield Finding("warn", place[1], text)


def _jumps(place: tuple[tuple[str, ...], str], others: list[Any]) -> Iterator[Finding]:
    """A rejected call still runs if another hook jumps to the tools (langchain#40491)."""
    for other in others:
        hooks = [h for name in _HOOKS for h in (getattr(other, name, None), getattr(other, f"a{name}", None))]
        if any("tools" in (getattr(hook, "__can_jump_to__", None) or ()) for hook in hooks):
            name = type(other).__name__
            text = f"{name} may jump to the tools, which runs calls that were rejected (langchain#40491)"
            yield Finding("warn", place[1], text)

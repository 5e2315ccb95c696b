"""Attach-time checks: what was found in a graph that would lose a pause, skip the gate or need a word from the user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.pregel import Pregel

from hitl_core.contracts import Finding

from . import inbox
from .inference import Unclear, infer
from .middleware import middleware_findings
from .reading import Site, swallowing, wrappers_of
from .refusals import registration
from .registry import Codecs
from .shapes import shape_of
from .sites import Place, Sites, subgraphs_of, tools_of

_ROOT: Final = "graph"


def findings(
    graph: Pregel[Any, Any, Any, Any],
    codecs: Codecs | None = None,
    *,
    sites: Sites | None = None,
) -> tuple[Finding, ...]:
    """Everything worth saying about a compiled graph, refusals first."""
    sites = sites or Sites(graph)
    found = [
        *_checkpointer(graph),
        *_static(sites),
        *(f for place in sites.places for f in _place(place, codecs or Codecs())),
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
    sync_only = type(saver).aget_tuple is BaseCheckpointSaver.aget_tuple or type(saver).__name__ == "SqliteSaver"
    if sync_only:  # SqliteSaver defines the async methods only to raise (research/langgraph.md §4)
        name = type(saver).__name__
        yield Finding("note", _ROOT, f"{name} has no async methods; it runs in a thread. Async{name} avoids that")


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
    """One ToolNode task with several pausing tools gives the answer to whichever gets there first (langgraph#6533)."""
    pausing = {scan.function.__name__ for scan, _ in place.sites} if list(tools_of(place.bound)) else set()
    if len(pausing) > 1 and not place.sends_calls:
        text = (
            f"{', '.join(sorted(pausing))} pause in one ToolNode task; called together, an answer can reach the wrong "
            "one (langgraph#6533). Send each call on its own: Send(node, [call])"
        )
        yield Finding("warn", place.name, text)


def _without_checkpoints(place: Place) -> Iterator[Finding]:
    for sub in subgraphs_of(place.bound):
        if sub.checkpointer is False:
            text = "is a subgraph with checkpointer=False: a pause in it asks again for ever, under a new id each time"
            yield Finding("refuse" if _pauses(sub) else "note", place.name, text)


def _pauses(graph: Pregel[Any, Any, Any, Any]) -> bool:
    return any(True for place in Sites(graph).places for _ in place.sites)

"""LangChain middleware that gates tools, and other middleware that could go round it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from hitl_core.contracts import Finding

from .sites import Sites

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

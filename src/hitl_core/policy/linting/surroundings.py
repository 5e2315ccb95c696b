"""A policy and the app that it is for: tools that are not there, and tools that the gate never sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...protocol import UNDO
from ..checking import unknown
from ..deciding import names_fit
from ..rules import Glob, Rule
from .remarks import Kind, Remark


def unknown_tools(rules: Sequence[Rule], tools: frozenset[str]) -> Iterator[Remark]:
    """Names of tools that the app does not have. A pattern that fits none is a note: it may be there to be safe."""
    undos = {f"{UNDO}{tool}" for tool in tools}
    for place, rule in enumerate(rules):
        for name in rule.match.tool:
            if isinstance(name, Glob):
                if not any(names_fit((name,), each) for each in (*tools, *undos)):
                    said = f"{name.pattern!r} fits no tool that the app has now"
                    yield Remark(Kind.UNKNOWN_TOOL, place, ("match", "tool"), said, note=True)
            elif name not in tools and name not in undos:
                known = undos if name.startswith(UNDO) else tools
                said = unknown(name, known, what="tool of the app") if known else f"{name!r}: the app has no tools"
                yield Remark(Kind.UNKNOWN_TOOL, place, ("match", "tool"), said)


def ungated(rules: Sequence[Rule], free: Mapping[str, str], tools: frozenset[str] | None) -> Iterator[Remark]:
    """Rules about tools that run without the gate: they can never fire."""
    for place, rule in enumerate(rules):
        fits = [tool for tool in free if rule.match.tool and names_fit(rule.match.tool, tool)]
        if not fits:
            continue
        others = tools is None or any(names_fit(rule.match.tool, tool) for tool in tools - free.keys())
        wide = others and any(isinstance(name, Glob) for name in rule.match.tool)
        for tool in fits:
            named = tool in rule.match.tool
            said = f"never fires for {tool!r}, which no gate stands before: {free[tool]}"
            yield Remark(Kind.UNGATED, place, ("match", "tool"), said, note=wide and not named)

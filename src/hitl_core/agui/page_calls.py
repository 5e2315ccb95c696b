"""Requests that a page is asked by a call of a tool of its own, as `useHumanInTheLoop` takes them. Pure.

A client tool's call is such a request. Every other one can be asked so too, of pages that know that pattern only: they
have one tool for it, which no model is told of.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from ..protocol import Arguments, PauseRequest
from .answers import answer_schema
from .interrupts import shown
from .threads import Thread


@dataclass(frozen=True, slots=True)
class PageCall:
    """A request as the call of a tool that the page has. The page's result is its answer."""

    request: PauseRequest
    tool: str
    arguments: Arguments


def page_calls(thread: Thread, tools: Container[str], asks_with: str) -> tuple[PageCall, ...]:
    """The open requests that this page is asked by calls; the others are interrupts. `tools` are those that it has."""
    return tuple(call for each in thread.asked if (call := _call(each, thread, tools, asks_with)) is not None)


def _call(request: PauseRequest, thread: Thread, tools: Container[str], asks_with: str) -> PageCall | None:
    own = request.action.tool
    if own in thread.client_tools and own in tools:
        return PageCall(request, own, request.action.arguments)
    if asks_with and asks_with in tools:
        asked: Arguments = {"title": request.title, "request": shown(request), "schema": answer_schema(request)}
        return PageCall(request, asks_with, asked)
    return None

"""Everything that a reader can see of a store, each thing by itself: what is damaged shows where it is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hitl_core.commands import (
    GetCheckpoint,
    GetRequest,
    GetRun,
    ListComments,
    ListEffects,
    ListGuidance,
    ListRequests,
    ListRuns,
    ListStops,
    Query,
    ReadAudit,
    Recall,
)
from hitl_core.errors import HitlError
from hitl_core.lifecycle import RequestState

ALL = 10_000
LISTS = ("inbox", "requests", "runs")


def queries(runs: list[str], requests: list[str]) -> Iterator[tuple[str, Query[Any]]]:
    """What there is to ask about these."""
    yield "inbox", ListRequests(limit=ALL)
    yield "requests", ListRequests(tuple(RequestState), limit=ALL)
    yield "runs", ListRuns(limit=ALL)
    yield "stops", ListStops()
    yield "trail", ReadAudit(limit=ALL)
    for name in requests:
        yield f"request {name}", GetRequest(name)
        yield f"comments on {name}", ListComments(name)
    for name in runs:
        yield f"run {name}", GetRun(name)
        yield f"checkpoint of {name}", GetCheckpoint(name)
        yield f"effects of {name}", ListEffects(name)
        yield f"guidance of {name}", ListGuidance(name)
        yield f"journal of {name}", Recall(name)


def seen(store: Any, runs: list[str], requests: list[str]) -> dict[str, str | HitlError]:
    """What each of them is answered with, as text; or the error that is said."""
    found: dict[str, str | HitlError] = {}
    for name, query in queries(runs, requests):
        try:
            answer = store.fetch_blocking(query)
            found[name] = _text(answer)
        except HitlError as exc:
            found[name] = exc
    return found


def _text(answer: Any) -> str:
    """The answer in full; of requests, which are parsed when they are looked at, each field."""
    match answer:
        case tuple() | list():
            return ", ".join(map(_text, answer))
        case _ if hasattr(answer, "items") and not isinstance(answer, dict):
            return _text(answer.items)
        case _ if hasattr(answer, "votes"):
            return repr((answer.request, answer.response, answer.state, answer.votes, answer.recorded_at))
        case _:
            return repr(answer)

"""Each line says where it was written; as JSON, in fields of its own."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from hitl_core.logs import PLACE, JsonLines, Place, Placed, placed


def record(**fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("hitl_core", logging.WARNING, "", 0, "run %s waits", ("r",), fields.get("exc_info"))
    made.created = 1_800_000_000.25
    Placed().filter(made)
    return made


async def test_tasks_and_threads_of_a_turn_know_their_place() -> None:
    async def look() -> str:
        return PLACE.get().run_id

    with placed(run_id="run-1", turn="3", worker="w"):
        in_a_task = await asyncio.ensure_future(look())
        in_a_thread = await asyncio.to_thread(lambda: PLACE.get().turn)
        with placed(request_id="request-1"):
            assert PLACE.get() == Place("run-1", "request-1", "3", "w")
        assert PLACE.get().request_id == ""
    assert (in_a_task, in_a_thread) == ("run-1", "3")
    assert PLACE.get() == Place()


def test_a_line_of_json_says_all_that_is_known_and_nothing_that_is_not() -> None:
    with placed(run_id="run-1", worker="host/1"):
        said = json.loads(JsonLines().format(record()))
    assert said == {
        "time": "2027-01-15T08:00:00.250Z",
        "level": "warning",
        "logger": "hitl_core",
        "message": "run r waits",
        "run_id": "run-1",
        "worker": "host/1",
    }


def test_an_error_is_an_object_with_its_places() -> None:
    try:
        raise LookupError("gone\nfor good")
    except LookupError as exc:
        line = JsonLines().format(record(exc_info=(type(exc), exc, exc.__traceback__)))
    assert "\n" not in line
    error = json.loads(line)["error"]
    assert (error["type"], error["message"]) == ("builtins.LookupError", "gone\nfor good")
    (frame,) = error["frames"]
    assert frame.endswith("in test_an_error_is_an_object_with_its_places")
    assert "error" not in json.loads(JsonLines().format(record(exc_info=(None, None, None))))


@pytest.mark.parametrize("valid", [True, False])
def test_the_trace_that_is_under_way_is_named(monkeypatch: pytest.MonkeyPatch, valid: bool) -> None:
    """As OpenTelemetry says it, which is not imported for that: tests/observing tries it with the real one."""
    context = SimpleNamespace(trace_id=0xABC, span_id=0x12, is_valid=valid)
    span = SimpleNamespace(get_span_context=lambda: context)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", SimpleNamespace(get_current_span=lambda: span))
    made: Any = record()
    assert (made.trace_id, made.span_id) == (("0" * 29 + "abc", "0" * 14 + "12") if valid else ("", ""))


def test_where_nobody_traces_there_is_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)
    made: Any = record()
    assert made.trace_id == ""


def test_a_thread_that_inherits_nothing_is_nowhere() -> None:
    found: list[Place] = []
    with placed(run_id="run-1"):
        thread = threading.Thread(target=lambda: contextvars.Context().run(lambda: found.append(PLACE.get())))
        thread.start()
        thread.join()
    assert found == [Place()]

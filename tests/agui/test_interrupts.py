"""A request as AG-UI's Interrupt: nothing in it that a page of today cannot bear."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from hitl_core.agui.interrupts import interrupt_of, legacy_value
from hitl_core.errors import Fault
from hitl_core.protocol import Context, Kind
from hitl_core.testing.clock import START
from tests.core.desk import request


def wire(**fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(interrupt_of(request(**fields)).model_dump_json(by_alias=True))
    return made


def nulls(value: Any, at: str = "") -> list[str]:
    if value is None:
        return [at]
    within = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, each in within for found in nulls(each, f"{at}.{key}")]


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_has_a_reason_and_a_schema_and_no_null(kind: Kind) -> None:
    told = wire(kind=kind, deadline=START + timedelta(hours=1))
    assert {"id", "reason", "message", "responseSchema", "metadata"} == set(told)
    assert told["responseSchema"]["type"] == "object"
    assert told["metadata"]["type"] == kind.value
    assert nulls(told) == []


def test_a_deadline_is_told_where_it_does_not_lock_the_page() -> None:
    told = wire(deadline=START + timedelta(hours=1))
    assert "expiresAt" not in told
    assert told["metadata"]["request"]["deadline"]


def test_what_the_adapter_keeps_with_a_request_is_not_told() -> None:
    told = wire(handle={"node": "secret-place"})
    assert "secret-place" not in json.dumps(told)
    assert "toolCallId" not in told


def test_an_apps_own_word_for_its_interrupt_is_kept() -> None:
    assert wire(context=Context(details={"type": "ask"}))["metadata"]["type"] == "ask"


def test_an_answer_that_was_refused_is_asked_again_with_its_faults() -> None:
    told = interrupt_of(request(), [Fault("approved", "is missing")])
    assert told.message is not None
    assert told.message.startswith("Not accepted: approved: is missing. ")
    assert told.id == request().id
    assert told.metadata is not None
    assert told.metadata["refused"] == "approved: is missing"


def test_the_older_wire_has_one_event_with_all_requests() -> None:
    value = legacy_value(map(interrupt_of, [request(), request(id="request-2", title="Refund again")]))
    assert (value["id"], value["type"], value["content"]) == ("request-1", "approval", "Refund")
    told: Any = value["requests"]
    assert [each["id"] for each in told] == ["request-1", "request-2"]

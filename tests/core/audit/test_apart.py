"""What a line is sealed with in the place of names and texts, and what of a line is open."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hitl_core.audit import brought_together, inside, is_kept_apart, set_apart
from hitl_core.audit.apart import TOKEN, Kept, wrong
from hitl_core.protocol import Apart, AuditEvent


def apart(kept: tuple[Kept, ...]) -> tuple[Apart, ...]:
    return tuple(Apart(place=place, salt=(each.salt or b"").hex(), value=each.value) for place, each in enumerate(kept))


def test_names_and_texts_go_out_and_come_back() -> None:
    body: dict[str, Any] = {"decision": "approve", "agreed": ["ann", "bob"], "faults": ["no: ann", ""], "step": 2}
    body["to"] = None
    actor, told, kept = set_apart(AuditEvent.REQUEST_DECIDED, "ann", body)
    sealed: dict[str, Any] = dict(told)
    assert [(each.value, each.of) for each in kept] == [("ann", None), ("ann", None), ("bob", None), ("no: ann", "ann")]
    assert TOKEN.fullmatch(actor)
    assert "ann" not in json.dumps(sealed)
    assert (sealed["decision"], sealed["step"], sealed["to"]) == ("approve", 2, None)
    assert len({each.salt for each in kept}) == 4
    assert actor[3:] != sealed["agreed"][0][3:]
    text = json.dumps(sealed)
    assert is_kept_apart(actor, text)
    shown, read = brought_together(actor, text, apart(kept))
    assert (shown, json.loads(read)) == ("ann", body)
    assert list(wrong(actor, text, apart(kept))) == []


@pytest.mark.parametrize(
    ("event", "actor", "body", "kept"),
    [
        (AuditEvent.EFFECT_STARTED, "worker-1", {"call": "pay#1", "tool": "pay", "digest": "d"}, []),
        (AuditEvent.RUN_CLAIMED, "worker-1", {"fence": 2, "interrupted": False}, []),
        (AuditEvent.RUN_CLAIMED, "ann", {"reopened": "once more", "authenticated_by": "badge"}, ["ann", "once more"]),
        (AuditEvent.RUN_STARTED, "worker-1", {"app": "desk", "by": "ann"}, ["ann"]),
        (AuditEvent.RUN_CANCELLED, "timer", {"reason": "late"}, ["late"]),
        (AuditEvent.ACTION_REFUSED, "policy", {"why": "no"}, ["no"]),
        (AuditEvent.REQUEST_CLOSED, "ann", {"run": "r", "state": "cancelled", "why": ""}, ["ann"]),
        (AuditEvent.EFFECT_SETTLED, "ann", {"call": "pay#1", "as": "abandon"}, ["ann"]),
        (AuditEvent.ROW_DAMAGED, "store", {"what": "request"}, []),
        (AuditEvent.STOP_SET, "ann", {"something": {"new": ["said", 5, True]}}, ["ann", "said"]),
    ],
)
def test_what_is_not_known_to_be_open_is_kept_apart(
    event: AuditEvent, actor: str, body: dict[str, Any], kept: list[str]
) -> None:
    sealed, told, found = set_apart(event, actor, body)
    assert [each.value for each in found] == kept
    assert sorted(inside(event, actor, json.dumps(body))) == sorted(kept)
    assert list(inside(event, sealed, json.dumps(told))) == []


def test_what_was_sealed_with_names_in_it_reads_as_it_is() -> None:
    body = '{"reason": "because"}'
    assert brought_together("ann", body, ()) == ("ann", body)
    assert not is_kept_apart("ann", body)


@pytest.mark.parametrize("body", ["no json", "[1]", "5"])
def test_a_body_that_somebody_has_made_something_else_is_left_as_it_is(body: str) -> None:
    actor, _, kept = set_apart(AuditEvent.STOP_SET, "ann", {})
    assert brought_together(actor, body, apart(kept)) == ("ann", body)
    assert list(inside(AuditEvent.STOP_SET, "ann", body)) == ["ann"]
    assert list(wrong(actor, body, apart(kept))) == []


def test_what_is_not_what_was_sealed_is_not_shown() -> None:
    actor, _, kept = set_apart(AuditEvent.STOP_SET, "ann", {})
    for other in (
        Apart(place=0, salt=(kept[0].salt or b"").hex(), value="eve"),
        Apart(place=0, salt="no hex", value="ann"),
        Apart(place=1, salt=(kept[0].salt or b"").hex(), value="ann"),
    ):
        assert brought_together(actor, "{}", (other,)) == (actor, "{}")
        assert len(list(wrong(actor, "{}", (other,)))) == 1
    erased = Apart(place=0, salt="", value="(erased)", erased=7)
    assert brought_together(actor, "{}", (erased,)) == ("(erased)", "{}")
    assert list(wrong(actor, "{}", (erased,))) == []

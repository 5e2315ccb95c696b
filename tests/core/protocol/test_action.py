"""The digest of an action: what it covers, and that it survives being stored."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from hitl_core.errors import NotCanonical, TooLarge
from hitl_core.protocol import PAYLOAD_LIMIT, Action, Origin
from tests.core.desk import REFUND
from tests.core.protocol.json_values import arguments, lookalikes, meaning


@pytest.mark.parametrize(
    "other",
    [
        Action(tool="refunds", arguments=REFUND.arguments),
        Action(tool="refund", arguments={"order": "A-1042", "amount": 120}),
        Action(tool="refund", arguments=REFUND.arguments | {"note": None}),
        Action(tool="refund", arguments=REFUND.arguments, definition="sha256:1"),
    ],
    ids=["tool", "value", "null argument", "definition"],
)
def test_the_digest_covers_what_would_run(other: Action) -> None:
    assert other.digest != REFUND.digest


def test_the_digest_does_not_cover_who_asks() -> None:
    asked = Action(tool="refund", arguments=REFUND.arguments, origin=Origin(agent="desk", path=("desk",)))
    assert asked.digest == REFUND.digest


def test_an_edited_action_keeps_its_tool_definition_and_origin() -> None:
    before = Action(tool="refund", arguments={"amount": 1}, definition="sha256:1", origin=Origin(agent="desk"))
    after = before.edited({"amount": 2})
    assert (after.tool, after.definition, after.origin) == (before.tool, before.definition, before.origin)
    assert after.arguments == {"amount": 2}
    assert after.digest != before.digest


def test_arguments_without_a_single_form_have_no_digest() -> None:
    with pytest.raises(NotCanonical, match=r"action\.arguments\.amount"):
        _ = Action(tool="refund", arguments={"amount": float("nan")}).digest


def test_arguments_over_the_limit_have_no_digest() -> None:
    with pytest.raises(TooLarge, match="65,536"):
        _ = Action(tool="mail", arguments={"text": "x" * PAYLOAD_LIMIT}).digest


@given(lookalikes, lookalikes)
def test_digests_are_equal_exactly_if_the_arguments_mean_the_same(one: Any, other: Any) -> None:
    digests = {Action(tool="t", arguments={"value": value}).digest for value in (one, other)}
    assert (len(digests) == 1) == (meaning(one) == meaning(other))


@given(arguments)
def test_the_digest_survives_being_stored(given: dict[str, Any]) -> None:
    action = Action(tool="t", arguments=given)
    assert Action.model_validate_json(action.to_json()).digest == action.digest

"""Whether a known action is still what the app proposes: directly, or through what people made of it."""

from __future__ import annotations

import pytest

from hitl_core.commands import Effect, Settled
from hitl_core.errors import AppChanged
from hitl_core.gate.lineage import note_about
from hitl_core.lifecycle import ActionState, RequestState
from hitl_core.protocol import Action, EffectMode
from tests.core import desk

FIRST, SECOND, THIRD = (desk.REFUND.edited({"order": "A-1042", "amount": amount}) for amount in (10, 20, 30))


def known(action: Action, state: ActionState = ActionState.ALLOWED) -> Effect:
    return Effect("refund#1", action, state, EffectMode.LEDGER, 1, 1)


def edit(before: Action, after: Action, reason: str = "") -> Settled:
    request = desk.request(before)
    decision = {"type": "edit", "arguments": after.arguments}
    return Settled(request, RequestState.DECIDED, desk.response(request, decision, reason=reason))


def test_one_edit_may_have_followed_another() -> None:
    asked = [edit(FIRST, SECOND, "less"), desk.settled(desk.request(SECOND)), edit(SECOND, THIRD, "still less")]
    assert "still less" in note_about(FIRST, known(THIRD), asked)
    assert "Reason: less" in note_about(FIRST, known(SECOND), asked)
    assert note_about(FIRST, known(FIRST), asked) == ""


def test_an_edit_of_another_action_says_nothing_about_this_one() -> None:
    with pytest.raises(AppChanged, match='"amount": 30'):
        note_about(FIRST, known(THIRD), [edit(SECOND, THIRD), desk.settled(desk.request(FIRST), {"type": "approve"})])


@pytest.mark.parametrize("state", [ActionState.EXECUTED, ActionState.FAILED, ActionState.REFUSED])
def test_what_runs_no_more_may_have_another_definition(state: ActionState) -> None:
    redefined = Action(tool=FIRST.tool, arguments=FIRST.arguments, definition="sha256:new")
    assert note_about(redefined, known(FIRST, state), []) == ""


@pytest.mark.parametrize("state", [ActionState.ALLOWED, ActionState.EXECUTING, ActionState.IN_DOUBT])
def test_what_may_still_run_may_not(state: ActionState) -> None:
    redefined = Action(tool=FIRST.tool, arguments=FIRST.arguments, definition="sha256:new")
    with pytest.raises(AppChanged, match="has another definition now; nothing ran"):
        note_about(redefined, known(FIRST, state), [])


def test_long_arguments_are_cut_in_the_message() -> None:
    with pytest.raises(AppChanged, match=r"x{100,}…"):
        note_about(FIRST, known(Action(tool="mail", arguments={"text": "x" * 1000})), [])

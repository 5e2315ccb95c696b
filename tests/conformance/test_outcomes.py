"""What counts as passed, refused, failed and not run; and that a kit with nothing in it proves nothing."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain import PlainAdapter
from hitl_adapters.plain.adapter import CAPABILITIES
from hitl_adapters.plain.kit import Kit as PlainKit
from hitl_core.apps import AppSource
from hitl_core.capabilities import Capability
from hitl_core.errors import CapabilityNotSupported
from hitl_core.policy.deciding import rulings
from hitl_core.testing.conformance import NotInKit, Outcome, Report, Result, Scene, SpecKit, Stage, chosen, try_adapter
from hitl_core.testing.conformance.expect import expect
from hitl_core.testing.conformance.scenes import native


class Cannot(PlainKit):
    """Says at every scene that its framework cannot do it."""

    capability = Capability.GATE_TOOLS

    def app(self, scene: Scene, stage: Stage) -> AppSource:
        if scene.turns:
            raise CapabilityNotSupported("plain", self.capability, "there is no such thing")
        return super().app(scene, stage)


class CannotRewind(Cannot):
    """Says so of something that it has declared as absent."""

    capability = Capability.UNDO_BY_FORK


class Lacks(PlainKit):
    """Has no app for any scene."""

    def app(self, scene: Scene, stage: Stage) -> AppSource:
        raise NotInKit("there is no such app here")


class Hasty(PlainKit):
    """Pays before it says that it cannot."""

    def app(self, scene: Scene, stage: Stage) -> AppSource:
        stage.pays("A", 1.0)
        raise CapabilityNotSupported("plain", Capability.UNDO_BY_FORK, "there is no such thing")


def tried(kit: Any, name: str) -> Result:
    (result,) = try_adapter(kit, chosen(names=[name])).results
    return result


def test_what_is_declared_must_work() -> None:
    result = tried(Cannot(), "approve_runs_once_as_shown")
    assert (result.outcome, "there is no such thing" in result.because) == (Outcome.FAILED, True)


def test_what_is_absent_is_refused_by_its_name() -> None:
    assert tried(CannotRewind(), "a_rewind_goes_back_and_asks_again").outcome is Outcome.REFUSED
    assert tried(Cannot(), "a_rewind_goes_back_and_asks_again").outcome is Outcome.FAILED


def test_a_refusal_has_no_effect() -> None:
    result = tried(Hasty(), "a_rewind_goes_back_and_asks_again")
    assert (result.outcome, result.because[:15]) == (Outcome.FAILED, "after an effect")


@pytest.mark.parametrize("name", ["approve_runs_once_as_shown", "a_rewind_goes_back_and_asks_again"])
def test_what_could_not_be_tried_counts_as_no(name: str) -> None:
    result = tried(Lacks(), name)
    assert (result.outcome, result.outcome.good) == (Outcome.NOT_RUN, False)


def test_a_report_of_nothing_is_not_good() -> None:
    assert not Report("plain", {}, {}).good


def test_a_kit_that_no_process_can_import_says_so() -> None:
    class Local(PlainKit):
        """Defined where nobody else finds it."""

    result = tried(Local(), "a_pause_outlives_its_process")
    assert (result.outcome, "importable" in result.because) == (Outcome.NOT_RUN, True)


def test_a_capability_may_be_what_an_adapter_finds_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract has it as a property: what a framework can do may depend on which one is installed."""
    monkeypatch.setattr(PlainAdapter, "capabilities", property(lambda adapter: CAPABILITIES))

    class Plain(SpecKit):
        backend = "plain"

    with pytest.raises(CapabilityNotSupported, match="no pause of its own"):
        Plain().app(native("approval"), Stage(Path(), ""))


@pytest.mark.parametrize(
    ("found", "wanted"),
    [(1, True), ({"paid": 1}, {"paid": True}), ([{"paid": 0}], [{"paid": False}]), ((1,), [1]), ([(1,)], [[1]])],
)
def test_what_only_looks_alike_is_not_what_was_promised(found: object, wanted: object) -> None:
    with pytest.raises(AssertionError, match="the payment"):
        expect("the payment", found, wanted)


@pytest.mark.parametrize("value", [None, True, 1.5, "a", [1, True, {"a": (1, None)}], {"a": [1.0]}])
def test_what_is_the_same_is_what_was_promised(value: object) -> None:
    expect("the payment", value, deepcopy(value))


def test_an_amount_is_one_number_however_json_writes_it() -> None:
    expect("the payments", [{"amount": 40}], [{"amount": 40.0}])


def test_a_policy_that_takes_silence_for_a_written_reason_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulings, "_at_least_confirm", lambda level: level)
    assert tried(PlainKit(), "what_cannot_be_taken_back_asks").outcome is Outcome.FAILED

"""The checker of the random kills catches what it is there for: in damaged evidence, and in broken adapters."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain.kit import Kit
from hitl_core.commands import Settled
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import AuditEvent, RunState
from hitl_core.testing.conformance.broken import BROKEN
from hitl_core.testing.kills import Evidence, Hunt, faults

pytestmark = pytest.mark.processes

SEED = "6/20"
"""All of it, killed in the last call of the model, which another process makes again."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    with Hunt(Kit(), tmp_path_factory.mktemp("hunt")) as hunt:
        run = hunt.play(SEED)
    assert not run.faults, run
    assert run.evidence.killed == (True, False)
    return run.evidence


# ── damaged evidence ─────────────────────────────────────────────────────────────────────────────────────────


def a_doubled_line(left: Evidence) -> Evidence:
    return replace(left, ledger=(*left.ledger, left.ledger[-1]))


def a_lost_line(left: Evidence) -> Evidence:
    return replace(left, ledger=left.ledger[:-1])


def other_arguments(left: Evidence) -> Evidence:
    first, *others = left.ledger
    return replace(left, ledger=({**first, "text": "altered"}, *others))


def more_than_was_decided(left: Evidence) -> Evidence:
    """The store and the ledger agree on an amount that nobody has approved."""
    changed = [
        replace(each, action=each.action.edited({"order": "A", "amount": 1500})) if each.call == paid(left) else each
        for each in left.effects
    ]
    ledger = [{**line, "amount": 1500} if line.get("order") == "A" else line for line in left.ledger]
    return replace(left, effects=tuple(changed), ledger=tuple(ledger))


def nobody_asked(left: Evidence) -> Evidence:
    """An effect that the gate has never heard of."""
    return replace(left, ledger=(*left.ledger, {"tool": "pay", "order": "Z", "amount": 1, "key": "run:pay#9"}))


def no_decision_in_the_trail(left: Evidence) -> Evidence:
    kept = (entry for entry in left.audit if entry.event != AuditEvent.REQUEST_DECIDED)
    return replace(left, audit=tuple(kept))


def decided_afterwards(left: Evidence) -> Evidence:
    late = [
        entry.model_copy(update={"seq": entry.seq + 1000}) if entry.event == AuditEvent.REQUEST_DECIDED else entry
        for entry in left.audit
    ]
    return replace(left, audit=tuple(late))


def decided_of_another_call(left: Evidence) -> Evidence:
    return replace(left, requests=tuple(of_call(each, "pay#9") for each in left.requests))


def refused_after_all(left: Evidence) -> Evidence:
    return replace(left, requests=tuple(refused(each) for each in left.requests))


def never_begun(left: Evidence) -> Evidence:
    return replace(left, audit=tuple(entry for entry in left.audit if entry.event != AuditEvent.EFFECT_STARTED))


def still_in_doubt(left: Evidence) -> Evidence:
    last = replace(left.effects[-1], state=ActionState.IN_DOUBT)
    return replace(left, effects=(*left.effects[:-1], last))


def not_at_its_end(left: Evidence) -> Evidence:
    return replace(left, runs=tuple(run.model_copy(update={"state": RunState.FAILED}) for run in left.runs))


def two_runs(left: Evidence) -> Evidence:
    return replace(left, runs=left.runs * 2)


def a_call_twice_in_one_process(left: Evidence) -> Evidence:
    return replace(left, lives=((*left.lives[0], left.lives[0][0]), left.lives[1]))


def a_finished_call_again(left: Evidence) -> Evidence:
    """A later process begins anew."""
    return replace(left, lives=(left.lives[0], (left.lives[0][0], *left.lives[1])))


def a_call_again_and_nobody_died(left: Evidence) -> Evidence:
    return replace(left, killed=(False, False))


def a_call_again_and_again(left: Evidence) -> Evidence:
    """One kill excuses one repetition."""
    return replace(left, lives=(*left.lives, left.lives[1]), killed=(True, False, False))


def a_broken_chain(left: Evidence) -> Evidence:
    return replace(left, audit_findings=("edited: line 3",))


def paid(left: Evidence) -> str:
    key = next(line["key"] for line in left.ledger if line.get("order") == "A")
    return str(key).partition(":")[2]


def of_call(settled: Settled, call: str) -> Settled:
    return replace(settled, request=settled.request.model_copy(update={"call": call}))


def refused(settled: Settled) -> Settled:
    return replace(settled, response=settled.request.reject("no", by="ann") if settled.response else None)


DAMAGE: dict[Callable[[Evidence], Evidence], str] = {
    a_doubled_line: "happened 2 times",
    a_lost_line: "1 too few: pay",
    other_arguments: "happened with {'text': 'altered'}",
    more_than_was_decided: "no decision before it lets it happen with {'order': 'A', 'amount': 1500}",
    nobody_asked: "pay#9 happened, and the store and the audit trail do not know",
    no_decision_in_the_trail: "no decision before it lets it happen",
    decided_afterwards: "no decision before it lets it happen",
    decided_of_another_call: "no decision before it lets it happen",
    refused_after_all: "no decision before it lets it happen",
    never_begun: "do not know that it began",
    still_in_doubt: "is in_doubt",
    not_at_its_end: "the run is failed, not completed",
    two_runs: "there are 2 runs, not one",
    a_call_twice_in_one_process: "process 1 made a call of the model twice",
    a_finished_call_again: "process 2 made a call of the model again that process 1 had finished",
    a_call_again_and_nobody_died: "process 2 made a call of the model again",
    a_call_again_and_again: "process 3 made a call of the model again",
    a_broken_chain: "audit: edited: line 3",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damaged_evidence_is_seen_for_what_it_is(sound: Evidence, damage: Callable[[Evidence], Evidence]) -> None:
    assert DAMAGE[damage] in "\n".join(faults(damage(sound)))


# ── broken adapters and runtimes ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("broken", "seen"),
    [
        ("RunsAgainWhatIsInDoubt", "happened 2 times"),
        ("GivesUpWhatWasInterrupted", "its worker has died"),
    ],
)
def test_what_goes_wrong_only_after_a_kill_is_found(tmp_path_factory: Any, broken: str, seen: str) -> None:
    with Hunt(Kit(), tmp_path_factory.mktemp("hunt"), parts=BROKEN[broken].place) as hunt:
        hunted = hunt.until(20, seed=5)
    assert seen in str(hunted)
    again = hunted.broken[0]
    assert f"seed {again.seed}, story {again.story!r}" in str(hunted)


@pytest.mark.parametrize("broken", ["RunsBeforeAsking", "RunsTwice", "RunsAfterReject", "StartsAnew"])
def test_what_goes_wrong_without_a_kill_is_found_in_the_rehearsal(tmp_path_factory: Any, broken: str) -> None:
    hunt = Hunt(Kit(), tmp_path_factory.mktemp("hunt"), parts=BROKEN[broken].place)
    with hunt, pytest.raises(AssertionError, match="fails already without a kill"):
        hunt.until(20, seed=5)


# ── the same seed, the same places ───────────────────────────────────────────────────────────────────────────


def test_a_seed_plays_the_same_run_again(tmp_path_factory: Any) -> None:
    with Hunt(Kit(), tmp_path_factory.mktemp("hunt")) as hunt:
        first, second = hunt.play("6/38"), hunt.play("6/38")
    assert (first.story, first.lives, first.evidence.killed) == (second.story, second.lives, second.evidence.killed)
    assert any(first.evidence.killed)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--kills", "2", "--seed", "6"], "plain, seed 6: "),
        (
            ["--again", SEED],
            f"seed {SEED}, story 'all of it':\n    all, killed in call 9 of the model\n    all\nno faults",
        ),
    ],
    ids=["hunt", "again"],
)
def test_from_a_shell(tmp_path: Path, asked: list[str], said: str) -> None:
    """It says the seed, and leaves nothing behind where nothing was found."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "hitl_core.testing.kills", "plain", *asked]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stdout, "no faults" in done.stdout) == (0, True, True), done
    assert list(tmp_path.iterdir()) == []

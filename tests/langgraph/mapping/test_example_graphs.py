"""`examples/existing_graphs`, unchanged: the ledger shows what the person meant, and nothing else."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from existing_graphs import (
    approval_before_action,
    conditional_interrupt,
    edit_before_continue,
    interrupt_status,
    several_interrupts,
    tool_approval,
)
from hitl_adapters.langgraph.mapping import lower
from hitl_core.protocol import Accept, Answer, Approve, Choose, Decision, Edit, Reject, Reply

from .driving import Run, request_from

Ledger = Any


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    path = tmp_path / "ledger.jsonl"
    monkeypatch.setenv("EXISTING_GRAPHS_LEDGER", str(path))
    return lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_approval_before_action(ledger: Ledger) -> None:
    run = Run(approval_before_action.build(), {"topic": "beans"})
    assert ledger() == []
    assert run.answer(Approve())["status"] == "mailed"
    assert [line["effect"] for line in ledger()] == ["newsletter_mailed"]


def test_a_rejection_reaches_the_graph_with_its_reason(ledger: Ledger) -> None:
    run = Run(approval_before_action.build(), {"topic": "beans"})
    assert run.answer(Reject(message="too short"))["status"] == "shelved"
    assert ledger() == [{"effect": "newsletter_shelved", "note": "too short"}]


def test_tool_approval(ledger: Ledger) -> None:
    run = Run(tool_approval.build(), {"messages": [("user", "look after it")]})
    run.answer(Approve())
    assert sorted(line["effect"] for line in ledger()) == ["bed_watered", "vents_opened"]


def test_tool_denial_reaches_the_model(ledger: Ledger) -> None:
    run = Run(tool_approval.build(), {"messages": [("user", "look after it")]})
    result = run.answer(Reject(message="it will rain"))
    assert ledger() == []
    assert "Tool use denied by the gardener: it will rain" in result["messages"][-1].content


@pytest.mark.parametrize(
    ("decision", "filed"),
    [
        (Accept(), "In short: The bridge stays closed."),
        (Edit(arguments={"summary": "Closed till May."}), "Closed till May."),
        (Answer(value="Closed till June."), "Closed till June."),
    ],
)
def test_edit_before_continue(ledger: Ledger, decision: Any, filed: str) -> None:
    Run(edit_before_continue.build(), {"notes": "The bridge stays closed. Costs."}).answer(decision)
    assert ledger() == [{"effect": "minutes_filed", "summary": filed}]


@pytest.mark.parametrize(("last", "effects"), [(Approve(), 1), (Reject(), 0)])
def test_several_interrupts(ledger: Ledger, last: Any, effects: int) -> None:
    run = Run(several_interrupts.build(), {"hall": "Mill Hall"})
    offered = []
    for decision in (Answer(value="Ada"), Choose(option="kitchen"), last):
        offered.append(run.lifted()[0].allowed)
        run.answer(decision)
    assert offered == [(Reply.ANSWER,), (Reply.CHOOSE,), (Reply.APPROVE, Reply.REJECT)]
    assert len(ledger()) == effects


def test_conditional_interrupt(ledger: Ledger) -> None:
    assert Run(conditional_interrupt.build(), {"item": "scarf"}).pauses == []
    Run(conditional_interrupt.build(), {"item": "umbrella"}).answer(Choose(option="clothes"))
    assert [(line["item"], line["decided_by"]) for line in ledger()] == [("scarf", "rule"), ("umbrella", "person")]


def test_interrupt_status(ledger: Ledger) -> None:
    graph = interrupt_status.build()
    run = Run(graph, {"bridge": "Ox Bridge"})
    before = interrupt_status.status(graph, run.config)
    assert (before["next"], before["interrupted"]) == (["structure", "traffic"], True)
    values = {}
    decisions: list[Decision] = [Approve(), Reject()]
    for index, decision in enumerate(decisions):
        (lifted,) = run.lifted(index)
        values[run.pauses[index].interrupt_id] = lower(lifted.codec, [(request_from(lifted), decision)])
    run.resume(values)
    assert interrupt_status.status(graph, run.config) == {"next": [], "waiting": {}, "interrupted": False}
    assert ledger() == [{"bridge": "Ox Bridge", "effect": "bridge_closed", "failed": ["traffic"]}]


def test_none_of_them_knows_us() -> None:
    folder = Path(approval_before_action.__file__).parent
    for path in folder.glob("*.py"):
        imported = {
            alias.name if isinstance(node, ast.Import) else node.module or ""
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert not any(name.startswith("hitl") for name in imported), path

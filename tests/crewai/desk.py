"""The desk of the CrewAI adapter's tests: crews and flows, with a scripted model whose calls they look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hitl_core import Run
from hitl_core.protocol import Json, RunState
from hitl_core.testing.scripted_model import Call, CallEntry, ScriptedModel, Step, repeated_calls
from tests import desk as desks
from tests.desk import ALL_GO, READS
from tests.ledger import LEDGER, record, recorded
from tests.people import accept, answering, approve, choosing, editing, reject, revising


@dataclass
class Desk(desks.Desk):
    """One app with a folder for its store, and its model."""

    backend = "crewai"
    model: ScriptedModel
    harmless: tuple[str, ...] = field(default=("look_up", "slow", "draft"), kw_only=True)

    @property
    def calls(self) -> tuple[CallEntry, ...]:
        """Every call that the model got; none of them twice."""
        assert not repeated_calls(self.model.calls)
        return self.model.calls

    def told(self, call: int = -1) -> list[str]:
        """The tool results that the model read in one of its calls."""
        return [str(each["content"]) for each in self._read(call) if each["role"] == "tool"]

    def messages(self, call: int = -1) -> list[tuple[str, str]]:
        return [(each["role"], str(each["content"] or "")) for each in self._read(call)]

    def _read(self, call: int) -> list[Any]:
        body: Any = self.model.calls[call].body
        return list(body["messages"])


def ended(run: Run, output: Json = None) -> None:
    assert run.state is RunState.COMPLETED, (run.state, run.error, run.pending)
    if output is not None:
        assert run.output == output


def calls(*each: tuple[str, dict[str, Any]]) -> Step:
    """A step in which the model calls tools."""
    return Step(call=tuple(Call(name=name, arguments=arguments) for name, arguments in each))


__all__ = [
    "ALL_GO",
    "LEDGER",
    "READS",
    "Desk",
    "accept",
    "answering",
    "approve",
    "calls",
    "choosing",
    "editing",
    "ended",
    "record",
    "recorded",
    "reject",
    "revising",
]

"""Undo: what became of the actions of a run that people wanted taken back."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from .record import Json, Name, Record, Text, TopRecord
from .run import Run

UNDO: Final = "undo:"
"""What stands before the name of a tool where its undo is meant: in a policy, `undo:refund`."""

RECEIPT: Final = "hitl/receipt"
"""Beside a result in the form of a framework: what the tool itself returned."""


def receipt_of(result: Json) -> Json:
    """What an undo gets: the result of the tool as the tool returned it."""
    return result[RECEIPT] if isinstance(result, dict) and RECEIPT in result else result


class UndoState(StrEnum):
    """What became of one action. Only the first two mean that it was taken back."""

    UNDONE = "undone"
    COMPENSATED = "compensated"
    WAITING = "waiting"
    REFUSED = "refused"
    FAILED = "failed"
    TOO_LATE = "too_late"
    NOT_UNDOABLE = "not_undoable"
    NOT_REACHED = "not_reached"

    @property
    def done(self) -> bool:
        """Whether the action was taken back, as far as its undo can."""
        return self in (UndoState.UNDONE, UndoState.COMPENSATED)


class UndoneCall(Record):
    """One action of a run, and what became of its undo. `run_id` is the undo that it was tried in, if it was."""

    call: Name
    tool: Name
    state: UndoState
    why: Text = ""
    run_id: Name | None = None


class Undoing(TopRecord):
    """An undo: a run of its own, the run that it undoes, and each action of that, the newest first."""

    run: Run
    undoes: Name
    calls: tuple[UndoneCall, ...]

    @property
    def whole(self) -> bool:
        """Whether everything that was to be taken back was."""
        return all(each.state.done for each in self.calls)

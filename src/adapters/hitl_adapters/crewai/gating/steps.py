"""Code of the app that no gate sees into: a flow's method, a task's callback. It runs once, or a person is asked.

begin ─► the code ─┬─► it ended: what it came to is remembered, and answers whenever the app runs again
                   ├─► it raised, or paused: it is known to have been left, and may run again
                   └─► the process died: nobody knows how far it came, so a person is asked (decision 0007)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from hitl_core.commands import Settled
from hitl_core.errors import HitlError
from hitl_core.gate import Form
from hitl_core.lifecycle import TAKEN_BACK
from hitl_core.protocol import ABORT, NOT_HAPPENED, Action, Choose, Context, Json, Kind, Option, Origin

from ..errors import GivenUp
from ..suspend import Current, Suspended, doubt_about
from .lifting import decided_at

AGAIN: Final = Option(id=NOT_HAPPENED.id, label="Run it again")
END: Final = Option(id=ABORT.id, label="Do not run it; end the run")


class Step:
    """One execution of such code at one place of the run. `given` lets people recognise it."""

    def __init__(self, now: Current, path: str, name: str, *, origin: Origin, given: str = "") -> None:
        self._now, self._name, self._origin, self._given = now, name, origin, given
        self.path = path
        self._key = f"step:{path}"
        self._attempt: int | None = None

    @property
    def entry(self) -> dict[str, Any] | None:
        """What it came to in an earlier turn; then it is not to run, nor what lies in it."""
        found = self._now.journal.get(self._key)
        if found is not None:
            self._now.skip(self.path)
        return cast("dict[str, Any] | None", found)

    @contextmanager
    def body(self) -> Iterator[None]:
        """Around its code. Raises Suspended while a person is asked about an execution that was cut off."""
        if self._attempt is None:
            self._begin()
        try:
            yield
        except BaseException:
            self.leave()
            raise

    def done(self, came_to: dict[str, Json]) -> None:
        """It has ended, and is not run again."""
        self._now.remember(self._key, came_to)

    def leave(self) -> None:
        """It has not ended, and nothing of it is under way: it may run again. If that is not kept, people are asked."""
        try:
            self._now.remember(f"left:{self.path}:{self._attempt}", True)
        except HitlError as exc:
            self._now.halt(exc)

    def _begin(self) -> None:
        journal, number = self._now.journal, 0
        while f"began:{self.path}:{number}" in journal:
            self._now.reach(doubt_about(self.path, number))
            number += 1
        if number and self._was_cut_off(number - 1):
            self._settle(doubt_about(self.path, number - 1))
        self._now.remember(f"began:{self.path}:{number}", True)
        self._attempt = number

    def _was_cut_off(self, number: int) -> bool:
        """An app that gates what it does here is asked about just the call that was cut off, by the gate."""
        known = self._now.journal
        told = f"left:{self.path}:{number}" in known or gates(self.path) in known
        return not told and self._name not in self._now.safe

    def _settle(self, place: str) -> None:
        form = Form(
            kind=Kind.CHOICE,
            title=f"{self._name!r} was cut off by a crash and may have had effects. Run it again?",
            context=Context(message=f"It was given {self._given}" if self._given else ""),
            options=(AGAIN, END),
            in_doubt=True,
        )
        action = Action(tool=f"step {self._name}", arguments={"step": self._name}, origin=self._origin)
        try:
            settled = decided_at(self._now, action, place, form)
        except Suspended:
            self._now.skip(self.path)  # what had waited in it is not come to meanwhile
            raise
        if _runs_again(settled):
            return
        error = f"{self._name!r} was cut off by a crash and nobody let it run again; resume with ask_again to ask anew"
        self._now.halt(GivenUp(error))
        raise Suspended


def gates(path: str) -> str:
    """The key under which it is kept that a step calls gated tools."""
    return f"gates:{path}"


def _runs_again(settled: Settled) -> bool:
    """Without a clear word that stands it does not."""
    if settled.state in TAKEN_BACK or settled.response is None:
        return False
    decision = settled.response.decision
    return isinstance(decision, Choose) and decision.option == AGAIN.id

"""Which calls of a run can still be taken back, and until when, as far as the tools are known here. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from ....commands import Effect, Undone
from ....gate import undo_until, why_not_undoable
from ....lifecycle import ActionState
from ....tools import Catalogue
from .history import History


@dataclass(frozen=True, slots=True)
class Window:
    """How one call stands: `until` when it can be taken back (None: no end is known), or `why_not`."""

    until: datetime | None = None
    why_not: str = ""


def windows(history: History, undone: Mapping[str, Undone], catalogue: Catalogue, now: datetime) -> dict[str, Window]:
    """The window of each call that ran. Of a tool that is not known here there is none: the undo itself will say."""
    if history.run.undoes is not None:
        return {}
    ran = (each for each in history.effects if each.state is ActionState.EXECUTED)
    return dict(_windows(history, ran, undone, catalogue, now))


def _windows(
    history: History, ran: Iterator[Effect], undone: Mapping[str, Undone], catalogue: Catalogue, now: datetime
) -> Iterator[tuple[str, Window]]:
    for effect in ran:
        tool = effect.action.tool
        begun = undone.get(effect.call)
        if begun is not None:
            yield effect.call, Window(why_not=f"its undo is {begun.state.value.replace('_', ' ')}")
        elif catalogue.knows(tool):
            yield effect.call, _window(history, effect, catalogue, now)


def _window(history: History, effect: Effect, catalogue: Catalogue, now: datetime) -> Window:
    traits = catalogue.traits(effect.action.tool)
    if why := why_not_undoable(traits, effect.action):
        return Window(why_not=why)
    if effect.ended_at is None:
        return Window(why_not="its outcome was not seen, so there is nothing to undo it with")
    promised = [each.request for each in history.asked.values() if each.request.call == effect.call]
    until = undo_until(traits, effect.action, effect.ended_at, *promised)
    if until is not None and now > until:
        return Window(why_not=f"that was possible until {until:%Y-%m-%d %H:%M} UTC")
    return Window(until)

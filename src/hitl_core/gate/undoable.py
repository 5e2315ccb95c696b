"""Whether and until when an action can be taken back: a notice promises by it, and an undo goes by it. Pure."""

from __future__ import annotations

from datetime import datetime

from ..protocol import Action, PauseRequest, has_mask
from ..signatures import shown_parameters
from ..tools import Traits


def why_not_undoable(traits: Traits, action: Action) -> str:
    """Why an action cannot be taken back, whenever that is wanted; "" if it can."""
    if traits.undo is None:
        return f"{action.tool} declares no undo"
    if has_mask(action.arguments) and len(shown_parameters(traits.undo)) > 1:
        return f"the undo of {action.tool} takes its arguments, and some are secret and not kept"
    return ""


def undo_until(traits: Traits, action: Action, since: datetime, *promised: PauseRequest) -> datetime | None:
    """Until when an action can be taken back that began or ended at `since`; None where nothing says so.

    An undo counts from the end of the action, a notice has to count from its beginning. What was `promised` in a notice
    stands, whatever the clock or the tool's window have become since.
    """
    if traits.undo_window is None or why_not_undoable(traits, action):
        return None
    told = (each.undo_until for each in promised if each.undo_until is not None)
    return max((since + traits.undo_window, *told))

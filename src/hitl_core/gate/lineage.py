"""Is what the app proposes at a known place still the action that is known there?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from ..commands import Effect, ListRequests, Settled
from ..contracts import Store, every
from ..errors import AppChanged
from ..lifecycle import ActionState
from ..protocol import Action, changed_arguments
from .verdicts import edit_note

_RUNS_NO_MORE: Final = (ActionState.EXECUTED, ActionState.FAILED, ActionState.REFUSED)
"""What came of such an action is only handed out, which its tool may be redefined for."""


async def note_on(store: Store, run_id: str, proposed: Action, effect: Effect) -> str:
    """The same as `note_about`, with what the store knows of all that was asked at this place."""
    if proposed.digest == effect.action.digest:
        return ""
    asked = [each async for each in every(store, ListRequests(states=(), run_id=run_id, call=effect.call))]
    return note_about(proposed, effect, asked)


def note_about(proposed: Action, effect: Effect, asked: Iterable[Settled]) -> str:
    """What the model is told about the action of `effect`: nothing if it is what it proposed, else that it was edited.

    `asked` are all requests at this place, oldest first: one edit may have followed another. Raises AppChanged if
    no edit leads from the proposed action to the known one: another call stands at this place now.
    """
    known, reached, note = _shown(effect.action, effect), {_shown(proposed, effect)}, ""
    for settled in asked:
        response = settled.response
        changed = None if response is None else changed_arguments(response.decision)
        if response is None or changed is None:
            continue
        if _shown(settled.request.action, effect) in reached:
            edited = _shown(settled.request.action.edited(changed), effect)
            reached.add(edited)
            note = edit_note(changed, response.reason) if edited == known else note
    if known not in reached:
        raise AppChanged(_changed(proposed, effect))
    return "" if _shown(proposed, effect) == known else note


def _shown(action: Action, effect: Effect) -> str:
    """What has to stay the same: the whole digest if the action may still run, else its tool and arguments."""
    if effect.state not in _RUNS_NO_MORE:
        return action.digest
    return Action(tool=action.tool, arguments=action.arguments).digest


def _changed(proposed: Action, effect: Effect) -> str:
    was, now = _text(effect.action), _text(proposed)
    became = f"is {now} now" if was != now else "has another definition now"
    return (
        f"the call {effect.call!r} was {was}, which is {effect.state}, and {became}; nothing ran. Deploy the app as it "
        "was, and let it make its calls of one tool in the same order each time, or name them by a key"
    )


def _text(action: Action) -> str:
    arguments = json.dumps(action.arguments, ensure_ascii=False)
    return f"{action.tool}({arguments[:200]}{'…' if len(arguments) > 200 else ''})"

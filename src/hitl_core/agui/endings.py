"""How the call of a page begins and ends: RUN_STARTED, what it is told beside the conversation, and RUN_FINISHED. Pure.

An end is never an error: it has what is open, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from secrets import token_hex
from typing import Final

from ag_ui.core import (
    PROTOCOL_VERSION,
    BaseEvent,
    CustomEvent,
    Interrupt,
    RunFinishedEvent,
    RunFinishedInterruptOutcome,
    RunFinishedOutcome,
    RunFinishedSuccessOutcome,
    RunStartedEvent,
)

from ..errors import Fault
from ..protocol import RunState
from .agent import Wire
from .events import text_events
from .interrupts import legacy_value
from .people import Person
from .reading import Posted
from .threads import Thread

CANCELLED: Final = "This was cancelled: nothing more of it begins."
HELD: Final = "This is stopped for now. It goes on when whoever has stopped it lifts that."


def started(posted: Posted) -> RunStartedEvent:
    return RunStartedEvent(thread_id=posted.thread, run_id=posted.run, protocol_version=PROTOCOL_VERSION)


def ended(posted: Posted, interrupts: Sequence[Interrupt], wire: Wire) -> Iterator[BaseEvent]:
    """With what is open, in the way in which the page is told of it."""
    if interrupts and wire is not Wire.STANDARD:
        yield CustomEvent(name="on_interrupt", value=legacy_value(interrupts))
    if not interrupts or wire is Wire.LEGACY:
        yield _finished(posted, RunFinishedSuccessOutcome(type="success"))
    else:
        yield _finished(posted, RunFinishedInterruptOutcome(type="interrupt", interrupts=list(interrupts)))


def _finished(posted: Posted, outcome: RunFinishedOutcome) -> RunFinishedEvent:
    return RunFinishedEvent(thread_id=posted.thread, run_id=posted.run, outcome=outcome)


def told(notes: Sequence[str]) -> Iterator[BaseEvent]:
    """Notes as messages that no transcript has; each once."""
    for note in dict.fromkeys(notes):
        yield from text_events(f"note:{token_hex(8)}", note)


def notes_on(thread: Thread, person: Person, refused: Mapping[str, Sequence[Fault]]) -> Iterator[str]:
    """What is to be said of how a conversation stands. `refused` are the faults of answers, by request."""
    for request in thread.elsewhere:  # what is wrong with answers to what others are asked: nothing else would tell
        if faults := refused.get(request.id):
            yield f"Not accepted: {'; '.join(map(str, faults))}"
    if thread.elsewhere and not thread.asked:
        count = len(thread.elsewhere)
        yield f"{count} decision{'s are' if count > 1 else ' is'} asked of others; this goes on when they answer."
    yield from _over(thread, person)


def _over(thread: Thread, person: Person) -> Iterator[str]:
    """That the run was cancelled, is held up by a stop, or has failed; in detail for those who see runs."""
    run = thread.run
    if run is not None and run.state is RunState.PAUSED and not (thread.asked or thread.elsewhere):
        yield HELD
    if run is not None and run.state is RunState.CANCELLED:
        yield CANCELLED
    if run is not None and run.state is RunState.FAILED:
        detail = run.error if person.sees_runs else "who operates it can see why, and have it tried again"
        yield f"The run {run.id} has failed: {detail}."

"""How the SDK stops and starts: a RunState between turns, a journal within them.

    RunState  the checkpoint of a pause, written by the SDK      (kept)
    journal   every answer of a model since then, one row each   (remembering)
    gate      every effect, before and after it                  (gating)

`loop` drives the SDK from one of these stops to the next, `turn` is what the tools inside it know of that, `telling`
what of it is told to who watches, and
`sessions` holds back what a session is told until the turn is over.

So a crash repeats no model call and no effect: the turn starts again at its last pause, and what is known of it is
handed out. The SDK's own marks (research §6) would need its whole state written at every step, and know nothing of the
turn before the first pause.
"""

from .kept import Kept, require_readable, restored
from .loop import drive
from .remembering import Remembering
from .sessions import LateSession, close_calls
from .turn import Current, Halt, Said, around, body_of, current, driving, found, scope, within

__all__ = [
    "Current",
    "Halt",
    "Kept",
    "LateSession",
    "Remembering",
    "Said",
    "around",
    "body_of",
    "close_calls",
    "current",
    "drive",
    "driving",
    "found",
    "require_readable",
    "restored",
    "scope",
    "within",
]

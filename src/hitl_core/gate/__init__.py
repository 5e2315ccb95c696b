"""The gate: every action is proposed, let through or held, begun and reported here."""

from ..protocol import ABORT, HAPPENED, NOT_HAPPENED
from .carrying import Carrying, tried
from .conversations import guided
from .forms import OFFERED, Form, Since, is_reversible, preview
from .gate import Gate
from .steering import guiding
from .stops import heeding_stops
from .surroundings import REJECTED_IN_A_ROW, Case, Surroundings
from .undoable import undo_until, why_not_undoable
from .words import joined, with_words

__all__ = [
    "ABORT",
    "HAPPENED",
    "NOT_HAPPENED",
    "OFFERED",
    "REJECTED_IN_A_ROW",
    "Carrying",
    "Case",
    "Form",
    "Gate",
    "Since",
    "Surroundings",
    "guided",
    "guiding",
    "heeding_stops",
    "is_reversible",
    "joined",
    "preview",
    "tried",
    "undo_until",
    "why_not_undoable",
    "with_words",
]

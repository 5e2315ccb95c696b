"""The gate: every action is proposed, let through or held, begun and reported here."""

from ..protocol import ABORT, HAPPENED, NOT_HAPPENED
from .carrying import Carrying
from .conversations import guided
from .forms import OFFERED, Form, preview
from .gate import Gate
from .steering import guiding
from .stops import heeding_stops
from .surroundings import REJECTED_IN_A_ROW, Case, Surroundings

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
    "Surroundings",
    "guided",
    "guiding",
    "heeding_stops",
    "preview",
]

"""The gate: every action is proposed, let through or held, begun and reported here."""

from .carrying import Carrying
from .doubt import ABORT, HAPPENED, NOT_HAPPENED
from .forms import OFFERED, Form, preview
from .gate import Gate
from .surroundings import Surroundings

__all__ = ["ABORT", "HAPPENED", "NOT_HAPPENED", "OFFERED", "Carrying", "Form", "Gate", "Surroundings", "preview"]

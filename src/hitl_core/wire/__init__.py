"""What travels between a server and its clients: bodies of calls, answers, and errors. Pure: JSON in, records out.

client ── bodies ──► server        forms: what comes back (records travel as they are)
       ◄── forms ───               problems: errors, as RFC 9457 has them, and back to the same class
       ◄── problems               statuses: the HTTP status of each, one table
"""

from __future__ import annotations

from . import bodies, forms
from .batches import Granted
from .forms import FORMS, Count, Form
from .people import Known, MadeToken, Me, TokenForm
from .problems import BLANK, MEDIA_TYPE, FaultForm, Problem, error_of, plain_problem, problem_of, validation_faults
from .statuses import STATUS, status_of

__all__ = [
    "BLANK",
    "FORMS",
    "MEDIA_TYPE",
    "STATUS",
    "Count",
    "FaultForm",
    "Form",
    "Granted",
    "Known",
    "MadeToken",
    "Me",
    "Problem",
    "TokenForm",
    "bodies",
    "error_of",
    "forms",
    "plain_problem",
    "problem_of",
    "status_of",
    "validation_faults",
]

"""The gate: every action is proposed, let through or held, begun and reported here.

gate          the door of one turn: propose, carry out, the journal
surroundings  what all gates of a runtime share: store, policy, clock, tools, people
weighing      what the policy says now, and what its rules count; granting: whether a standing grant reaches
questions     putting a question, or refusing for good; forms: the request that people see
verdicts      what an answer means for the action; standing: whether it still does, by the policy of now
again         an action that is known from before: done, begun, in doubt (doubt), or another one now (lineage)
turns         what a person sent back and the agent's next call; rejections: when nobody is asked once more
carrying      begin on entry, report on exit
veil          secrets are masked everywhere but in the tool; log_mask: in the log, too
steering      what people say to an agent (conversations, telling), and what it says itself (words)
"""

from ..protocol import ABORT, HAPPENED, NOT_HAPPENED
from .carrying import HALTED, Carrying, tried, unchecked
from .conversations import guided
from .forms import OFFERED, Form, Since, is_reversible, preview
from .gate import Gate
from .steering import guiding
from .stops import heeding_stops
from .surroundings import REJECTED_IN_A_ROW, Case, Surroundings
from .undoable import undo_until, why_not_undoable
from .veil import Veil
from .words import joined, with_words

__all__ = [
    "ABORT",
    "HALTED",
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
    "Veil",
    "guided",
    "guiding",
    "heeding_stops",
    "is_reversible",
    "joined",
    "preview",
    "tried",
    "unchecked",
    "undo_until",
    "why_not_undoable",
    "with_words",
]

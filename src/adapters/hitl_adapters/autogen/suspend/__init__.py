"""How AutoGen stops and starts: the participant that waits is left unanswered until its team has drained.

scope      where we are in a run: places that are the same in every process
memory     what the run remembers, and what is being written of it
journal    the model client that answers from memory what was answered before
batch      the tool calls of one model answer: when do all of them wait?
talk       what the agents say, for those who are asked
turns      one turn of an agent or of a team inside a team: replayed from its start
teams      the two places inside a team where we hold it: its participants' requests, its manager's start
counters   what termination conditions and graphs do not save
kept       the checkpoint
driving    one stretch of a run: driven to its end, drained, or abandoned
proof      does this AutoGen stop and start as we believe?
"""

from .batch import Batch
from .driving import drive
from .journal import JournalClient
from .kept import Kept
from .memory import Memory
from .proof import prove
from .scope import Current, Scope, Suspended, current_scope, entered
from .teams import Watch
from .turns import Turns, pumped

__all__ = [
    "Batch",
    "Current",
    "JournalClient",
    "Kept",
    "Memory",
    "Scope",
    "Suspended",
    "Turns",
    "Watch",
    "current_scope",
    "drive",
    "entered",
    "prove",
    "pumped",
]

"""How a crew stops and starts: a soft stop at the next model call, and a journal that answers when it runs again.

    threads: a crew runs beside the loop ─► each call has a place ─► known: from the journal │ waits: Suspended, softly
                                                                     the run's checkpoint ◄─ kept

threads, inherit    a crew works in a thread of its own; what it starts there belongs to the run too
current             the turn: its places, its journal, what waits in it, what ends it
places              where in a run we are: the task or method, inside which call, by which agents
seams               how a function of CrewAI's is wrapped; with it
models, memories    every model call and every save of a memory is made once, and answered from the journal then
talk                what the agents say, for those who are asked
kept                the checkpoint of a pause
"""

from .current import Current, Suspended, current, doubt_about, driving, the_run, under_way
from .inherit import carry_into_threads
from .kept import Kept
from .memories import journal_memories
from .models import journal_models, watch_models
from .places import Scope, conversation, scope, within
from .seams import seam
from .threads import in_own_thread

__all__ = [
    "Current",
    "Kept",
    "Scope",
    "Suspended",
    "carry_into_threads",
    "conversation",
    "current",
    "doubt_about",
    "driving",
    "in_own_thread",
    "journal_memories",
    "journal_models",
    "scope",
    "seam",
    "the_run",
    "under_way",
    "watch_models",
    "within",
]

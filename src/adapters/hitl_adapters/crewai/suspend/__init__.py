"""How a crew stops and starts: a soft stop at the next model call, and a journal that answers when it runs again."""

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

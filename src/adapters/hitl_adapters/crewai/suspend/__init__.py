"""How a crew stops and starts: a soft stop at the next model call, and a journal that answers when it runs again."""

from .current import Current, Suspended, current, driving, the_run
from .models import journal_models, watch_models
from .places import Scope, scope, within
from .seams import seam
from .threads import in_own_thread

__all__ = [
    "Current",
    "Scope",
    "Suspended",
    "current",
    "driving",
    "in_own_thread",
    "journal_models",
    "scope",
    "seam",
    "the_run",
    "watch_models",
    "within",
]

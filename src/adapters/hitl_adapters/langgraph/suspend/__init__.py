"""How LangGraph stops and starts: it is driven to its next stop, its state is read back, and it is resumed by id.

    resume ── Step ──► engine ── Reached ──► resume ── Paused, Completed or Broke
      └── snapshot, kept, pauses, crashes: where the thread stands, against what the store knows

`watching` hears for the engine what LangGraph says while it works. `breakpoints` and `sharing` (one ToolNode task for
several calls) tell `resume` of two states in which an answer would go astray.

`turn` is for the gated calls inside the graph: which turn drives it now, and how a call suspends it.
"""

from .engine import Engine
from .kept import Kept
from .pauses import App
from .resume import Resumption, Step
from .snapshot import written_by
from .turn import Current, Halt, InvalidAnswer, admitted, current, driving, halting, keeping_invalid, running
from .watching import Reached

__all__ = [
    "App",
    "Current",
    "Engine",
    "Halt",
    "InvalidAnswer",
    "Kept",
    "Reached",
    "Resumption",
    "Step",
    "admitted",
    "current",
    "driving",
    "halting",
    "keeping_invalid",
    "running",
    "written_by",
]

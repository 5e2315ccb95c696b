"""Kill my app at random, and prove that nothing went wrong: for whoever writes an adapter.

    Kit ─► rehearsal ─► processes, each SIGKILLed at a random place ─► one that ends the run ─► faults(evidence)
             (places)     (life)                                                                  (check)

    with Hunt(MyKit(), folder) as hunt:
        hunted = hunt.until(50, seed=7)         # so many kills; the seed is in every report
        assert not hunted.broken, hunted
        hunt.play("7/12")                       # one run of it once more

The kit is that of the conformance suite; here as there, its agent is driven by the scripted model over loopback, its
tools write a ledger, its store is a file. From a shell: `python -m hitl_core.testing.kills NAME --kills 50`.

Each run is one story (approve, edit, reject, an answer in place, questions, two calls at once, a sub-agent) and dies up
to three times: around a command to the store, around a tool's effect, while the model answers, or at any moment. Then
people answer, also what is in doubt, by the ledger; and every effect must have happened once, let by a decision in the
audit trail, with the arguments that were decided; no model call was made again but one in flight; the run is completed.
"""

from .check import Evidence, faults
from .hunt import Hunt, Hunted, Killed
from .places import Life, Place
from .stories import STORIES, Story

__all__ = ["STORIES", "Evidence", "Hunt", "Hunted", "Killed", "Life", "Place", "Story", "faults"]

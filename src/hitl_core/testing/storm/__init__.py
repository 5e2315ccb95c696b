"""My app in a storm: many processes on one store, killed and frozen at random, while people answer and stop things.

    Kit ─► 4 workers · a starter · 2 people · an operator ─► gusts: SIGKILL, SIGSTOP, the server ─► calm ─► faults

    storm = Storm(MyKit(), folder, "postgresql://me@localhost/scratch", seconds=120, seed=7)
    stormed = storm.blow()
    assert not stormed.faults, stormed

The kit is that of the conformance suite. Runs of three agents go on side by side; people approve, edit, reject, answer
in place, delegate, answer twice and otherwise, leave things to their deadline; an operator stops and lifts, cancels,
revokes, and tries again what has failed. Whoever is killed is replaced. All of it is logged to one history
(`history.jsonl`), and in the end ledger, trail, store and history must agree: nothing lost, nothing twice, nothing
unapproved, the chain intact, every run at its end. From a shell:
`python -m hitl_core.testing.storm NAME --store URL --minutes 10`.

A seed draws the same gusts and the same choices again, at the same moments; what they meet is another matter each time.
"""

from .check import Evidence, faults, summed
from .storm import Storm, Stormed
from .weather import Gust, weather

__all__ = ["Evidence", "Gust", "Storm", "Stormed", "faults", "summed", "weather"]

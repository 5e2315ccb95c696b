"""The names of our loggers: all there are, and what each of them says."""

from __future__ import annotations

from typing import Final

LOGGERS: Final = {
    "hitl_core": "the runtime, the gate, workers, people and the policy: what was done, and what could not be",
    "hitl_core.endings": "how a turn ended that has failed; once for each, by whoever drove it",
    "hitl_core.agui": "what a page could not be told, and runs that could not go on while one looked",
    "hitl_core.server": "the inbox and its API: what could not be looked up, held or sent just now",
    "hitl_core.access": "a line for each request to them: by whom, how long it took, and never what was said",
    "hitl_core.stores": "rows that cannot be read, a server that is away, batches that failed",
    "hitl_core.audit": "the trail's anchors: one that cannot be written, or that contradicts the trail",
    "hitl_core.observing": "what observes and fails at it: a measurement or a span that was lost, the endpoint",
}

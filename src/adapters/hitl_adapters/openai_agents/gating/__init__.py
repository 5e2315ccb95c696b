"""How a call reaches the gate: every tool of an agent gets a wrapper that asks before, and reports after.

at attach        goes through the agents, puts the wrappers in place              (graph, looking)
needs_approval   asks the gate, and lets the SDK pause if nobody has decided      (overseen, locals)
settle           on resume, tells the SDK what the store says about each pause    (settling)
the tool         asks again, begins, runs, reports                                (carrying, edited)

What the agent says with a call is in words.
"""

from .graph import HUMAN, gate_agent, gated, graph_of, is_person, oversee, require_agent, set_apart, walk
from .looking import look_through
from .overseen import overseen
from .settling import settle

__all__ = [
    "HUMAN",
    "gate_agent",
    "gated",
    "graph_of",
    "is_person",
    "look_through",
    "oversee",
    "overseen",
    "require_agent",
    "set_apart",
    "settle",
    "walk",
]

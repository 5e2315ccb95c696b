"""The teeth of the suite: adapters, gates, runtimes and stores that break one promise each, for any framework.

Every one of them wraps a sound part. `tests/conformance/test_teeth.py` holds that each is caught by its promise.

adapters   of the run as a whole                                  P30, P41 …
gate       how a gate is broken, on its way to the adapter; the next five are such gates
  decisions  what a person decided                                P01 to P09
  levels     who leads, who is told, who can object               P10 to P13
  together   drafts, and questions before a decision              P14, P15
  rules      what the policy and grants let run                   P80, P81, P83
  gating     which call it is, what runs again, what is kept back: all else
runtimes   what people do to a run: give on, stop, steer, undo    P52, P61 …
answers    runtimes: which answers are taken, and from whom       P14, P20 to P26
stores     stops and runs, the trail, people, what is counted     P60 …
clients    gates and stores: tools that a run was started with      P05, P40
deadlines  stores: time, and who is asked from when               P50 to P52
undos      stores: undos, and results that were replaced          P64, P67
"""

from typing import Any

from . import adapters, answers, clients, deadlines, decisions, gating, levels, rules, runtimes, stores, together, undos
from .breaking import BROKEN, Broken

_ROOMS = (adapters, answers, clients, deadlines, decisions, gating, levels, rules, runtimes, stores, together, undos)


def __getattr__(name: str) -> Any:
    """A broken part by its name, wherever it stands: this is how another process finds it."""
    for room in _ROOMS:
        if name in BROKEN and hasattr(room, name):
            return getattr(room, name)
    raise AttributeError(name)


__all__ = ["BROKEN", "Broken"]

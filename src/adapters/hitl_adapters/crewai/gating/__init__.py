"""How CrewAI's calls and pauses reach the gate: hooks for tools and steps, providers for reviews and flows.

hooks, tools                  each tool call of a model, in native and ReAct mode
questions                     what hooks of the app ask
reviews, feedback, lifting    what an unchanged crew or flow asks: drafts, outcomes, words
handoff                       a person who has the floor
flows, methods                methods of a flow: run once, asked side by side, raced
steps, callbacks              code of the app that no gate sees into
strangers                     calls from outside every run
"""

from .flows import oversee_flows
from .handoff import hand_over
from .hooks import install, stay_installed
from .reviews import Reviews
from .tools import HANDS_DOWN, NEUTRAL

__all__ = ["HANDS_DOWN", "NEUTRAL", "Reviews", "hand_over", "install", "oversee_flows", "stay_installed"]

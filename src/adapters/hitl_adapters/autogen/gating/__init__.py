"""How a call reaches the gate, and how people get their turn.

workbench     the tool calls of an AssistantAgent; proposals: one of them as the gate sees it
words         what the agent says with a call
people        UserProxyAgents, and handoffs to somebody outside the team
code          what a CodeExecutorAgent runs
drafts        the answers of agents that people review
strangers     agents of the app's own, whose turns are remembered as a whole
holdings      what such an agent acts with
whole         the state of an agent and of what works inside it
overseeing    go through a fresh app and put all of these in place
"""

from .overseeing import Overseen, oversee
from .people import Handed

__all__ = ["Handed", "Overseen", "oversee"]

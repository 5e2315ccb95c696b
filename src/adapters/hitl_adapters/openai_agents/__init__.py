"""The OpenAI Agents SDK under oversight: unchanged agents, and agents whose every call goes to the policy.

agent = Agent(name="Desk", tools=[refund])            # unchanged: what `needs_approval` asks is lifted
agent = gate_agent(Agent(name="Desk", tools=[…]))     # every call of its tools goes to the policy
agent.handoffs.append(human_agent("Support", handoffs=[agent]))   # the conversation can go to a person
app   = AgentApp(agent, context=make_context, session=lambda thread: SQLiteSession(thread, "chat.db"))
"""

from .errors import require_versions

require_versions()  # before the imports that older releases cannot answer

from .adapter import AgentApp, OpenAIAgentsAdapter, OpenAIAgentsOptions  # noqa: E402
from .building import human_agent, strip_human_turns  # noqa: E402
from .gating import gate_agent, gated  # noqa: E402

__all__ = [
    "AgentApp",
    "OpenAIAgentsAdapter",
    "OpenAIAgentsOptions",
    "gate_agent",
    "gated",
    "human_agent",
    "strip_human_turns",
]

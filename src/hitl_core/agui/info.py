"""Which agents there are, as a CopilotKit page asks at its start. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

from ..capabilities import Capability
from ..protocol import Json
from .agent import Agent, Wire


def info(agents: Iterable[Agent]) -> dict[str, Json]:
    """The answer to `info`. There is no `licenseStatus`: a page that gets one shows a banner."""
    return {
        "version": version("hitl-core"),
        "mode": "sse",
        "agents": {each.name: _agent(each) for each in agents},
        "audioFileTranscriptionEnabled": False,
        "telemetryDisabled": True,
    }


def _agent(agent: Agent) -> Json:
    """What a page can do with it, by the routes that there are: none of them steers a run that works."""
    can = agent.can
    pauses: Json = {
        "supported": True,
        "approvals": True,
        "interrupts": agent.wire is not Wire.LEGACY,
        "feedback": can(Capability.ASK_QUESTIONS),
        "interventions": False,
        "approveWithEdits": can(Capability.EDIT_ARGUMENTS),
    }
    return {
        "name": agent.name,
        "description": agent.description,
        "className": agent.hitl.adapter.name,
        "capabilities": {
            "humanInTheLoop": pauses,
            "tools": {"supported": True, "clientProvided": can(Capability.CLIENT_TOOLS)},
            "transport": {"streaming": can(Capability.STREAM_EVENTS)},
        },
    }

"""What an agent says of itself: anybody may read it, and it holds no secret."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from a2a.types import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    HTTPAuthSecurityScheme,
    SecurityRequirement,
    SecurityScheme,
    StringList,
)

TOKEN: Final = "token"  # noqa: S105  # a word
VERSIONS: Final = ("1.0", "0.3")
"""Of the protocol, both at one address; the one that is preferred stands first."""
MODES: Final = ("text/plain", "application/json")


def card_of(*, url: str, name: str, description: str, app_version: str = "") -> AgentCard:
    """The card of the app that is served at `url`. An app that says no version of its own has that of hitl-core."""
    skill = AgentSkill(
        id="run",
        name=name,
        description=f"{description} Where people have to decide, the task is input-required until they have.",
        tags=["human-in-the-loop", "approval", "oversight"],
    )
    bearer = HTTPAuthSecurityScheme(scheme="Bearer", description="A token of the API: `hitl token make`.")
    return AgentCard(
        name=name,
        description=description,
        version=app_version or version("hitl-core"),
        supported_interfaces=[
            AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version=each) for each in VERSIONS
        ],
        capabilities=AgentCapabilities(streaming=True, push_notifications=False),
        default_input_modes=MODES,
        default_output_modes=MODES,
        skills=[skill],
        security_schemes={TOKEN: SecurityScheme(http_auth_security_scheme=bearer)},
        security_requirements=[SecurityRequirement(schemes={TOKEN: StringList()})],
    )

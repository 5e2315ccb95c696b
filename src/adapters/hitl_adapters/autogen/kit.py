"""The app of a conformance scene in AutoGen: an agent from a spec, and unchanged teams with a person in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autogen_agentchat.agents import BaseChatAgent, UserProxyAgent
from autogen_agentchat.base import Response
from autogen_agentchat.conditions import SourceMatchTermination
from autogen_agentchat.messages import BaseChatMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken

from hitl_core.testing.conformance import SpecKit, Stage

from .adapter import NAME


class Kit(SpecKit):
    """Scenes as agents; native pauses as teams in which a person has a turn."""

    backend = NAME

    def native(self, pause: str, stage: Stage) -> Any:
        """A factory of a team: somebody asks, a person answers, somebody acts on it."""
        asked, acts = {
            "approval": ("Shall I pay back A-1042? yes or no", lambda said: _pays(stage, said)),
            "question": ("Why is it due?", lambda said: _hears(stage, said)),
        }[pause]

        def build() -> RoundRobinGroupChat:
            clerk, cashier = _Speaker("clerk", lambda said: asked), _Speaker("cashier", acts)
            person = UserProxyAgent("person", input_func=input)
            ends = SourceMatchTermination(["cashier"])
            return RoundRobinGroupChat([clerk, person, cashier], termination_condition=ends)

        return build


class _Speaker(BaseChatAgent):
    """Says something about the last thing that was said."""

    def __init__(self, name: str, says: Callable[[str], str]) -> None:
        super().__init__(name, f"the {name}")
        self._says = says

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        said = self._says(messages[-1].to_text() if messages else "")
        return Response(chat_message=TextMessage(content=said, source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """There is nothing to forget."""


def _pays(stage: Stage, said: str) -> str:
    return stage.pays("A-1042", 40.5) if said == "yes" else "kept"


def _hears(stage: Stage, said: str) -> str:
    stage.hear(said)
    return f"because {said}"

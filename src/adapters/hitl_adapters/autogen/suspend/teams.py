"""The two places inside a team where we hold it: the request to a participant, and the start of its manager.

Neither is a public interface, hence the one supported version (errors.py) and the proof at attach (proof.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage
from autogen_agentchat.teams import BaseGroupChat
from autogen_agentchat.teams._group_chat._base_group_chat_manager import BaseGroupChatManager
from autogen_agentchat.teams._group_chat._chat_agent_container import ChatAgentContainer
from autogen_agentchat.teams._group_chat._events import GroupChatRequestPublish, GroupChatStart
from autogen_core import AgentId, DefaultTopicId, MessageContext

from hitl_core.protocol import Json
from hitl_core.tools import as_json

from .counters import counted, graph_extras, recount, restore_graph
from .scope import Suspended


class Watch:
    """One fresh team. A participant that is suspended gives no answer: its team drains, and nothing is broken."""

    def __init__(self, team: BaseGroupChat) -> None:
        self.team = team
        self.paused: list[str] = []
        self._manager: BaseGroupChatManager | None = None
        self._fresh: Json = None

    async def prepare(self) -> None:
        """Build the team's inside, once, and take hold of it."""
        if self._manager is not None:
            return
        if not self.team._initialized:
            await self.team._init(self.team._runtime)
        for name, kind in zip(self.team._participant_names, self.team._participant_topic_types, strict=True):
            self._hold(await self._inside(kind), name)
        self._manager = await self._inside(self.team._group_chat_manager_topic_type)
        self._fresh = counted(self._manager._termination_condition)

    async def save(self) -> dict[str, Json]:
        """Everything that a fresh team needs to stand where this one stands."""
        manager = self._prepared()
        return {
            "team": as_json(await self.team.save_state()),
            "paused": list(self.paused),
            "counters": counted(manager._termination_condition, since=self._fresh),
            "graph": graph_extras(manager),
        }

    async def load(self, saved: Mapping[str, Any]) -> None:
        """Make a fresh team stand where another one stood; its next start asks exactly the paused participants.

        Once only: a selector appends to what it has loaded before. Raises ValueError for another team's state.
        """
        await self.prepare()
        manager = self._prepared()
        await self.team.load_state(saved["team"])
        recount(manager._termination_condition, saved["counters"])
        restore_graph(manager, saved["graph"])
        if saved["paused"]:
            _start_with(manager, list(saved["paused"]))

    @property
    def thread(self) -> list[BaseAgentEvent | BaseChatMessage]:
        """What was said in the team so far."""
        return list(self._prepared()._message_thread)

    def _prepared(self) -> BaseGroupChatManager:
        assert self._manager is not None
        return self._manager

    async def _inside(self, kind: str) -> Any:
        return await self.team._runtime.try_get_underlying_agent_instance(AgentId(kind, self.team._team_id))

    def _hold(self, container: ChatAgentContainer, name: str) -> None:
        async def held(container: ChatAgentContainer, request: GroupChatRequestPublish, ctx: MessageContext) -> None:
            try:
                await answer(container, request, ctx)
            except Suspended:
                self.paused.append(name)

        answer = _replace(container, GroupChatRequestPublish, held)


def _start_with(manager: BaseGroupChatManager, names: list[str]) -> None:
    """The manager's next start asks these participants, instead of selecting a speaker."""

    async def start(manager: BaseGroupChatManager, message: GroupChatStart, ctx: MessageContext) -> None:
        _replace(manager, GroupChatStart, begin)
        for name in names:
            manager._active_speakers.append(name)
        for name in names:
            topic = DefaultTopicId(type=manager._participant_name_to_topic_type[name])
            await manager.publish_message(
                GroupChatRequestPublish(), topic_id=topic, cancellation_token=ctx.cancellation_token
            )

    begin = _replace(manager, GroupChatStart, start)


def _replace(agent: Any, message: type, handler: Any) -> Callable[..., Any]:
    """Put a handler in the place of an agent's only one for a type of message; returns that one."""
    (before,) = agent._handlers[message]
    if not hasattr(handler, "router"):
        handler.router = before.router
    agent._handlers[message] = [handler]
    return before  # type: ignore[no-any-return]

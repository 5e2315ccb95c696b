"""The app of a conformance scene in AutoGen: an agent from a spec, and unchanged teams that pause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autogen_agentchat.agents import ApprovalRequest, ApprovalResponse, BaseChatAgent, CodeExecutorAgent, UserProxyAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, CodeExecutor, CodeResult

from hitl_core.testing.conformance import SpecKit, Stage

from .adapter import NAME


class Kit(SpecKit):
    """Scenes as agents; native pauses as a code executor that has to be approved, and as a person in a team."""

    backend = NAME

    def native(self, pause: str, stage: Stage) -> Any:
        """A team whose second member pauses, in the words of AutoGen's own documentation."""
        return {"approval": _approves, "question": _asks}[pause](stage)


def _approves(stage: Stage) -> Callable[[], RoundRobinGroupChat]:
    def build() -> RoundRobinGroupChat:
        runner = CodeExecutorAgent("runner", _Till(stage), approval_func=_at_the_terminal)
        coder = _Says("coder", lambda heard: "```python\npay('A-1042', 40.5)\n```")
        return RoundRobinGroupChat([coder, runner, _Hears(stage)], max_turns=3)

    return build


def _asks(stage: Stage) -> Callable[[], RoundRobinGroupChat]:
    def build() -> RoundRobinGroupChat:
        asker = _Says("asker", lambda heard: "Why is it due?")
        return RoundRobinGroupChat([asker, UserProxyAgent("person"), _Hears(stage)], max_turns=3)

    return build


def _at_the_terminal(request: ApprovalRequest) -> ApprovalResponse:
    return ApprovalResponse(approved=input("Run it? ") == "yes", reason="")


class _Till(CodeExecutor):
    """Runs one program: it pays."""

    component_type = "code_executor"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        return CodeResult(exit_code=0, output=self._stage.pays("A-1042", 40.5))

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""

    async def restart(self) -> None:
        """Nothing to restart."""


class _Says(BaseChatAgent):
    """Says one thing."""

    def __init__(self, name: str, say: Callable[[str], str]) -> None:
        super().__init__(name, "says one thing")
        self._say = say

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        return Response(chat_message=TextMessage(content=self._say(messages[-1].to_text()), source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Nothing to forget."""


class _Hears(_Says):
    """Writes down what was said last."""

    def __init__(self, stage: Stage) -> None:
        super().__init__("hears", self._hears)
        self._stage = stage

    def _hears(self, heard: str) -> str:
        self._stage.hear(heard)
        return "heard"

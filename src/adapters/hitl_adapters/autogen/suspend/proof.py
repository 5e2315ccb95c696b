"""Does this AutoGen stop and start as we believe? One pause and one resume of the smallest team, once per process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.messages import BaseChatMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken

from ..errors import REINSTALL, AutoGenDiffers
from .scope import Suspended
from .teams import Watch


class _Probe(BaseChatAgent):
    """Waits, or says what it was asked."""

    def __init__(self, *, waits: bool) -> None:
        super().__init__("probe", "waits once")
        self._waits = waits

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        if self._waits:
            raise Suspended("the probe waits")
        return Response(chat_message=TextMessage(content=messages[-1].to_text(), source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Nothing to reset."""


_proven: list[bool] = []


async def prove() -> None:
    """Raises AutoGenDiffers, saying what went otherwise."""
    if not _proven:
        await _try()
        _proven.append(True)


async def _try() -> None:
    try:
        first, _ = await _run(_Probe(waits=True), task="ask")
        saved = await first.save()
        second, result = await _run(_Probe(waits=False), saved=saved)
    except Exception as exc:
        raise _differs(f"the smallest team cannot be paused here: {type(exc).__name__}: {exc}") from exc
    found = (saved["paused"], second.paused, [message.to_text() for message in result.messages])
    if found != (["probe"], [], ["ask"]):
        raise _differs(f"a pause and a resume of the smallest team came to {found!r}")


def _differs(how: str) -> AutoGenDiffers:
    return AutoGenDiffers(f"{how}; nothing runs on it. Is it patched? {REINSTALL}")


async def _run(probe: _Probe, *, task: str | None = None, saved: Any = None) -> tuple[Watch, TaskResult]:
    watch = Watch(RoundRobinGroupChat([probe], max_turns=1))
    await watch.prepare()
    if saved is not None:
        await watch.load(saved)
    stream: AsyncGenerator[Any, None] = watch.team.run_stream(task=task, cancellation_token=CancellationToken())
    results = [item async for item in stream if isinstance(item, TaskResult)]
    return watch, results[-1]

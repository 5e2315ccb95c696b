"""Agents of the app's own: nobody can look inside, so a turn of theirs is remembered as a whole once it has ended, and
is in doubt if its process died, or was stopped, while it ran."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, MessageFactory

from hitl_core.gate import Form
from hitl_core.protocol import Action, Choose, Json, Kind, Option, Origin
from hitl_core.tools import as_json

from ..errors import GivenUp
from ..suspend import Scope, Suspended
from .people import decided

AGAIN: Final = Option(id="again", label="Let it have its turn again")
ABORT: Final = Option(id="abort", label="End the run")


@dataclass(frozen=True, slots=True)
class Stranger:
    """One such agent. `safe` if its turns may simply run again."""

    agent: BaseChatAgent
    factory: MessageFactory
    save: Callable[[], Awaitable[Mapping[str, Any]]]
    load: Callable[[Mapping[str, Any]], Awaitable[None]]
    safe: bool = False

    async def turn(self, scope: Scope, stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """One turn; if it has ended before, its answer and the state after it, and nothing runs."""
        place, now = scope.step("~turn"), scope.now
        known = cast("dict[str, Any] | None", now.memory[f"turn:{place}"])
        if known is not None:
            await self.load(known["state"])
            yield self._recalled(known)
            return
        attempt = sum(key.startswith(f"began:{place}:") for key in now.memory)
        if attempt and not self.safe and f"raised:{place}:{attempt - 1}" not in now.memory:
            await self._settle(scope, f"{place}:{attempt}")
        now.memory.write(f"began:{place}:{attempt}", True)
        await now.written()
        try:
            async for item in stream:
                if isinstance(item, Response):
                    kept = {"state": as_json(await self.save()), **_record(item)}
                    now.memory.write(f"turn:{place}", kept)
                yield item
        except Exception as exc:
            now.memory.write(f"raised:{place}:{attempt}", str(exc)[:1000])
            raise

    async def _settle(self, scope: Scope, place: str) -> None:
        """A person says whether a turn that was lost may run again. Raises Suspended."""
        name = self.agent.name
        title = f"Was {name} at work when its process ended? What it had done by then is not known."
        form = Form(kind=Kind.CHOICE, title=title, options=(AGAIN, ABORT), in_doubt=True)
        action = Action(tool=name, arguments={"step": name}, origin=Origin(agent=name, path=scope.path))
        known = await decided(scope.now, f"step:{place}", action, form)
        decision = None if known.response is None else known.response.decision
        if isinstance(decision, Choose) and decision.option == AGAIN.id:
            return
        scope.now.error = GivenUp(f"the turn of {name!r} was in doubt after a crash, and a person ended the run")
        raise Suspended(f"{name} is not run again")

    def _recalled(self, kept: Mapping[str, Any]) -> Response:
        inner = [self.factory.create(message) for message in kept["inner"]]
        message = cast("BaseChatMessage", self.factory.create(kept["message"]))
        return Response(chat_message=message, inner_messages=inner)


def _record(response: Response) -> dict[str, Json]:
    inner = [as_json(message.dump()) for message in response.inner_messages or ()]
    return {"message": as_json(response.chat_message.dump()), "inner": inner}

"""A session that gets what a turn said when the turn is over: a turn that is done again adds nothing twice."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, cast

from agents.items import TResponseInputItem
from agents.memory import OpenAIResponsesCompactionAwareSession, SessionABC

from hitl_core.errors import RunBusy
from hitl_core.protocol import Json, canonical, sha256

from .turn import Current

log = logging.getLogger("hitl_core")


class LateSession(SessionABC):
    """Shows the app's session with what this turn has said so far; `flush` writes that down."""

    def __init__(self, inner: Any, now: Current) -> None:
        self._inner, self._now = inner, now
        self._said: list[TResponseInputItem] = []
        self._before: list[TResponseInputItem] | None = None
        self.session_id = inner.session_id
        self.session_settings = getattr(inner, "session_settings", None)

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        items = [*await self._known(), *self._said]
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        return items if limit is None else items[-limit:] if limit else []

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        self._said += items

    async def pop_item(self) -> TResponseInputItem | None:
        if self._said:
            return self._said.pop()
        self._before = None
        return cast("TResponseInputItem | None", await self._inner.pop_item())

    async def clear_session(self) -> None:
        self._said, self._before = [], []
        await self._inner.clear_session()

    async def require_free(self) -> None:
        """A conversation whose last calls wait for people takes no new run: what it says would come in between.

        Raises RunBusy.
        """
        if self._now.kept.state is None and (waiting := unanswered(await self._known())):
            what = f"the conversation {self.session_id!r} waits for people in another run ({', '.join(waiting)})"
            raise RunBusy(f"{what}; answer or cancel that one first")

    async def flush(self) -> None:
        """Write what this turn said, unless a turn that died had written it."""
        if self._written in self._now.journal:
            return
        marked = cast("dict[str, Any]", await self._now.gate.remember(self._key, await self._mark()))
        there = await self._inner.get_items()
        written = _common(there[marked["from"] :], marked["digests"])
        if self._said[written:]:
            await self._inner.add_items(self._said[written:])

    async def compact(self) -> None:
        """Let a session that shortens itself do so, as the SDK would; while a run waits it would cut off what is asked.

        A failure is told in the log: the run is done, and the session as long as before.
        """
        if not isinstance(self._inner, OpenAIResponsesCompactionAwareSession) or self._written in self._now.journal:
            return
        await self._now.gate.remember(self._written, True)
        try:
            await self._inner.run_compaction({"compaction_mode": "input"})
        except Exception as exc:
            log.warning("the session %s was not compacted", self.session_id, exc_info=exc)

    async def _known(self) -> list[TResponseInputItem]:
        """The session without what a turn that died had written down of this one."""
        if self._before is None:
            items = list(await self._inner.get_items())
            mark = cast("dict[str, Any] | None", self._now.journal.get(self._key))
            if mark is not None:
                ours = _common(items[mark["from"] :], mark["digests"])
                del items[mark["from"] : mark["from"] + ours]
            self._before = items
        return self._before

    async def _mark(self) -> Json:
        digests: list[Json] = [_digest(item) for item in self._said]
        return {"from": len(await self._known()), "digests": digests}

    @property
    def _written(self) -> str:
        """Marks that the turn is written for good: shortened, a session does not show any more what is in it."""
        return f"{self._key}:written"

    @property
    def _key(self) -> str:
        return self._now.key("session:", str(self._now.kept.pauses))


async def close_calls(session: Any, call_ids: Iterable[str]) -> None:
    """Say in a session that the calls of a cancelled run did not run, so that it can be talked in again."""
    open_calls = unanswered(await session.get_items())
    said = [
        {"type": "function_call_output", "call_id": each, "output": "The run was cancelled; this call did not run."}
        for each in call_ids
        if each in open_calls
    ]
    if said:
        await session.add_items(said)


def unanswered(items: Sequence[Any]) -> list[str]:
    """The ids of function calls that have no output."""
    calls = [str(each["call_id"]) for each in items if each.get("type") == "function_call"]
    outputs = {each.get("call_id") for each in items if each.get("type") == "function_call_output"}
    return [each for each in calls if each not in outputs]


def _common(items: list[Any], digests: list[str]) -> int:
    """How many of the items are those with these digests, from the start."""
    for number, (item, digest) in enumerate(zip(items, digests, strict=False)):
        if _digest(item) != digest:
            return number
    return min(len(items), len(digests))


def _digest(item: Any) -> str:
    return sha256(canonical(cast("Json", item)))

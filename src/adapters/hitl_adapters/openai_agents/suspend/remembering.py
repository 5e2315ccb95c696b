"""A model that is asked once: its answers are in the journal of the run before the SDK sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from agents import ItemHelpers, Model, ModelProvider, ModelResponse, MultiProvider
from openai.types.responses import ResponseCompletedEvent

from hitl_core.errors import HitlError
from hitl_core.gate import guided

from ..mapping import completed, delta_of, from_record, guidance_item, record_of, response_of, to_record
from .turn import Current, Halt, found, scope

Args = tuple[Any, ...]


class Remembering(Model):
    """Stands before an agent's own model, given as an object or by a name that its provider knows.

    It `hears` what people say to the agent, unless it is a person itself.
    """

    def __init__(
        self, inner: Model | str | None, *, agent: str, provider: ModelProvider | None = None, hears: bool = True
    ) -> None:
        self.own, self.agent, self._hears = inner, agent, hears
        self._provider = provider

    @property
    def inner(self) -> Model:
        if not isinstance(self.own, Model):
            provider = self._provider or MultiProvider()
            self.own = provider.get_model(self.own)
        return self.own

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        now = found()
        if now is None:
            return await self.inner.get_response(*args, **kwargs)
        known = await self._known(now)
        if known is not None:
            return known
        args, kwargs = await self._asking(now, args, kwargs)
        made = await self.inner.get_response(*args, **kwargs)
        return await self._remember(now, made, _renaming(now, kwargs))

    async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        now = found()
        if now is None:
            async for event in self.inner.stream_response(*args, **kwargs):
                yield event
            return
        known = await self._known(now)
        if known is not None:
            yield completed(known)
            return
        args, kwargs = await self._asking(now, args, kwargs)
        rename, said = _renaming(now, kwargs), False
        async for event in self.inner.stream_response(*args, **kwargs):
            if isinstance(event, ResponseCompletedEvent):
                made = await self._remember(now, response_of(event), rename, said=said)
                event.response.output = made.output
            else:
                rename(getattr(event, "item", None))
                said |= self._says(now, event)
            yield event

    async def _known(self, now: Current) -> ModelResponse | None:
        """The answer that this call got before a crash. Raises Halt if nothing more is to happen in this turn."""
        here = scope()
        line = now.journal.get(now.answer_key(here))
        if line is None:
            await self._heed(now)
            return None
        assert isinstance(line, dict)
        now.learn(line, now.answered[here])
        now.telling.again(now.answer_key(here), cast("list[Any]", line["output"]), now.node(self.agent, here))
        now.answered[here] += 1
        return from_record(line)

    def _says(self, now: Current, event: Any) -> bool:
        """Tell who watches the words in a part of a stream; whether there were any."""
        words, here = delta_of(event), scope()
        now.telling.says(now.answer_key(here), words, now.node(self.agent, here))
        return bool(words)

    async def _heed(self, now: Current) -> None:
        try:
            if now.failure is None and await now.gate.heed_stops():
                assert now.gate.stopped is not None
                now.halt(now.gate.stopped)
        except HitlError as exc:
            now.halt(exc)
        if now.failure is not None:
            raise Halt(str(now.failure))

    async def _asking(self, now: Current, args: Args, kwargs: dict[str, Any]) -> tuple[Args, dict[str, Any]]:
        """What a call that is made now asks, with what people have said to the agent. Raises Halt.

        The SDK names its arguments, and does not where it streams.
        """
        items = ItemHelpers.input_to_new_input_list(kwargs["input"] if "input" in kwargs else args[1])
        latest = now.latest(scope())
        now.telling.came([each for each in items if each.get("call_id") in latest])
        if not self._hears:
            return args, kwargs
        try:
            heard = await guided(now.gate, items, of=scope() or "run", record=record_of, told=guidance_item)
        except HitlError as exc:
            now.halt(exc)
            raise Halt(str(exc)) from exc
        if len(heard) == len(items):
            return args, kwargs
        return ((args[0], heard, *args[2:]), kwargs) if len(args) > 1 else (args, {**kwargs, "input": heard})

    async def _remember(
        self, now: Current, made: ModelResponse, rename: Callable[[Any], None], *, said: bool = False
    ) -> ModelResponse:
        """Keep an answer. Raises Halt if it cannot be kept: what follows from it could not be resumed."""
        here = scope()
        for item in made.output:
            rename(item)
        line = {**to_record(made), "agent": self.agent, "scope": here}
        try:
            await now.gate.remember(now.answer_key(here), line)
        except HitlError as exc:
            now.halt(exc)
            raise Halt(str(exc)) from exc
        now.learn(line, now.answered[here])
        output, node = cast("list[Any]", line["output"]), now.node(self.agent, here)
        now.telling.answered(now.answer_key(here), output, node, said=said)
        now.answered[here] += 1
        return made

    # ── the rest of a model is its own ───────────────────────────────────────────────────────────────────────

    def get_retry_advice(self, request: Any) -> Any:
        return self.inner.get_retry_advice(request)

    async def close(self) -> None:
        await self.inner.close()

    def _supports_default_prompt_cache_key(self) -> bool:
        supports = getattr(self.inner, "_supports_default_prompt_cache_key", None)
        return bool(supports is not None and supports())

    async def _cleanup_on_run_end(self, owner: object) -> None:
        cleanup = getattr(self.inner, "_cleanup_on_run_end", None)
        if cleanup is not None:
            await cleanup(owner)


def _renaming(now: Current, kwargs: dict[str, Any]) -> Callable[[Any], None]:
    """Gives calls that come under a known id an id of their own, the same one in every part of one answer.

    Not where the provider keeps the conversation: it knows the calls by the ids that it gave them.
    """
    names: dict[str, str] = {}
    kept_elsewhere = kwargs.get("conversation_id") or kwargs.get("previous_response_id")

    def rename(item: Any) -> None:
        given = getattr(item, "call_id", None)
        if not isinstance(given, str) or kept_elsewhere:
            return
        if given not in names.values():
            item.call_id = names.setdefault(given, now.fresh(given, now.answered[scope()], scope()))

    return rename

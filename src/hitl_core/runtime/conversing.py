"""A run that is begun in a conversation whose messages have names of their own, as those of a page do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from ..capabilities import Capability
from ..contracts import require
from ..protocol import ClientTool, LiveEvent
from .runtime import Runtime
from .transcripts import Words


async def converse(
    runtime: Runtime,
    input: object,
    *,
    words: Sequence[Words],
    thread: str,
    run_id: str,
    by: str | None = None,
    tools: Sequence[ClientTool] = (),
) -> AsyncIterator[LiveEvent]:
    """As `Runtime.stream`; the transcript has what is said in these words, whatever shape the input is of.

    They are kept in the transaction that opens the run: what was taken up is known to be, wherever a process dies.
    Raises what that raises; RunBusy if there is a run of this id.
    """
    require(runtime.adapter, Capability.STREAM_EVENTS)
    claimed = await runtime._open(input, by=by, thread=thread, id=run_id, tools=tools, words=tuple(words))
    async with aclosing(runtime._listen(claimed)) as events:
        async for event in events:
            yield event

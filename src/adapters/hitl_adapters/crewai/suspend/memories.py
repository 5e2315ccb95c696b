"""What a crew or flow keeps in its memory is kept once: a save that was made is not made again by a later turn."""

from __future__ import annotations

import json
from concurrent.futures import Future
from typing import Any, cast

from crewai.memory.types import MemoryRecord
from crewai.memory.unified_memory import Memory

from hitl_core.protocol import Json

from .current import current
from .seams import seam


def journal_memories() -> None:
    """Hold on to how memories are saved, once per process."""
    seam(Memory, "_encode_batch", _encode)
    seam(Memory, "_submit_save", _submit)


def _submit(original: Any, memory: Any, *args: Any, **kwargs: Any) -> Future[Any]:
    """CrewAI saves in the background; the turn waits for that, since only then is it known."""
    future: Future[Any] = original(memory, *args, **kwargs)
    now = current()
    if now is not None:
        now.futures.append(future)
    return future


def _encode(original: Any, memory: Any, contents: list[str], *args: Any, **kwargs: Any) -> list[MemoryRecord]:
    now = current()
    if now is None:
        return cast("list[MemoryRecord]", original(memory, contents, *args, **kwargs))
    key = now.place("memory", json.dumps([contents, args, kwargs], default=str, sort_keys=True))
    known = now.journal.get(key)
    if known is not None:
        return [MemoryRecord.model_validate(each) for each in cast("list[Any]", known)]
    records: list[MemoryRecord] = original(memory, contents, *args, **kwargs)
    kept: list[Json] = [each.model_dump(mode="json") for each in records]
    now.remember(key, kept)
    return records

"""Guidance in a conversation that its framework does not let us write into: it is told anew at each model call.

Each piece stands where it entered, so that the model always reads the same: the place says after how many messages that
was, with a digest of them. Where a conversation begins otherwise, after an undo or once its beginning was cut off, the
piece is not in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ..protocol import Json
from .gate import Gate
from .steering import guiding

T = TypeVar("T")


async def guided(
    gate: Gate, messages: Sequence[T], *, of: str, record: Callable[[T], Json], told: Callable[[str], T]
) -> list[T]:
    """The messages of a model call that is about to be made, with all guidance of their conversation.

    What is queued enters after the last message. `of` names the conversation and is stable over restarts; `record` is
    what of a message is; `told` makes the message of guidance. Raises LeaseLost, StoreError.
    """
    marks = list(_marks(record(each) for each in messages))
    inside = f"{of}/after "
    entered = await gate.entering(inside + marks[-1], within=inside)
    found: list[T] = []
    for mark, following in zip(marks, (*((each,) for each in messages), ()), strict=True):
        found += [told(guiding(each)) for each in entered if each.place == inside + mark]
        found += following
    return found


def _marks(records: Iterator[Json]) -> Iterator[str]:
    """What is said of each beginning of a conversation, from the empty one on: its length and its digest."""
    digest = hashlib.sha256()
    yield "0"
    for count, each in enumerate(records, 1):
        digest.update(json.dumps(each, sort_keys=True, default=str).encode() + b"\n")
        yield f"{count}:{digest.hexdigest()[:16]}"

"""Two streams of the same events: whole ones for programs, and for pages the names of what has to be shown anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from sse_starlette import ServerSentEvent

from ...errors import HitlError
from .happened import Happened
from .hub import Admits, Hub, Listener, TooSlow

BEAT: Final = 15.0
"""Seconds of silence after which a stream says that it is there, and how far the trail has come."""

PACE: Final = 0.5
"""Seconds between what a page is told: meanwhile it is gathered."""

LASTS: Final = 900.0
"""Seconds after which a listener has to come again: then it is asked anew who they are and what they may see."""

LOOKED_UP: Final = 15.0
"""Seconds after which it is looked up whether a listener may be told what comes then, before they are."""

AGAIN_AFTER: Final = 1_000
"""Milliseconds that who has to come again waits first."""

COME_AGAIN: Final = "again"
"""The event that says so. Come again with the last id: nothing is missed."""


Still = Callable[[], Awaitable[bool]]
"""Whether a listener is whom they were when they came, and may do what they might."""


Theirs = Callable[[tuple[Happened, ...]], Awaitable[tuple[Happened, ...]]]
"""What of several events is for a listener, where that has to be looked up."""


async def _always() -> bool:
    return True


async def _all(found: tuple[Happened, ...]) -> tuple[Happened, ...]:
    return found


@dataclass(frozen=True, slots=True)
class Told:
    """What a listener is told at once, and up to which line of the trail they know all that is for them."""

    at: int
    events: tuple[Happened, ...] = ()


async def events(
    hub: Hub, admits: Admits, after: int | None, still: Still = _always, theirs: Theirs = _all
) -> AsyncGenerator[bytes, None]:
    """For programs: each event, in the order of the trail; its id is its place there."""
    async with aclosing(_listen(hub, admits, after, still, theirs)) as told:
        async for each in told:
            for event in each.events:
                yield event.sent
            if not each.events:
                yield _beat(each.at)
    yield come_again()


async def changes(
    hub: Hub,
    admits: Admits,
    after: int | None,
    on: frozenset[str],
    still: Still = _always,
    theirs: Theirs = _all,
) -> AsyncGenerator[bytes, None]:
    """For pages: the names in `on` of what has changed, each once where several events come within `PACE`.

    A page that is told loads something; if it passed over what comes soon after, it would show what is past.
    """
    async with aclosing(_listen(hub, admits, after, still, theirs)) as told:
        async for each in told:
            names = dict.fromkeys(name for event in each.events for name in names_of(event) if name in on)
            yield changed(names, each.at) if names else _beat(each.at)
            if names:
                await asyncio.sleep(PACE)
    yield come_again()


def names_of(event: Happened) -> Iterator[str]:
    """What pages have to show anew after an event: `request.ID`, `run.ID`, and `queue` and the like."""
    if event.request is not None:
        yield f"request.{event.request}"
    if event.run is not None:
        yield f"run.{event.run}"
    yield from _PAGES.get(event.family, ())


_PAGES: Final = {
    "request": ("queue",),
    "draft": ("queue",),
    "action": ("queue",),
    "run": ("queue", "runs"),
    "stop": ("queue", "stops"),
    "grant": ("grants",),
    "policy": ("policy",),
}


async def _listen(
    hub: Hub, admits: Admits, after: int | None, still: Still, theirs: Theirs
) -> AsyncGenerator[Told, None]:
    """First what was missed, then what comes. Ends when the listener was too slow, is to come again, or has to go.

    A number that this trail has not come to is of another one: then they are told what comes from now on.
    """
    listener: Listener | None = None
    looked = asyncio.get_running_loop().time()
    until = looked + LASTS
    if after is not None and after > await hub.tip():
        after = None
    try:
        while (listener := await hub.join(admits, after)) is None:
            assert after is not None
            async with aclosing(hub.missed(after)) as pages:
                async for page in pages:
                    after = page[-1].seq
                    yield Told(after, await theirs(tuple(each for each in page if admits(each))))
        yield Told(listener.after)
        while (left := until - asyncio.get_running_loop().time()) > 0:
            heard = await listener.heard(min(BEAT, left))
            if heard is None:
                return
            if heard and (now := asyncio.get_running_loop().time()) - looked >= LOOKED_UP:
                looked = now
                if not await still():
                    return
            at = listener.after
            yield Told(at, await theirs(heard))
    except (TooSlow, HitlError):  # they may come again, where it is asked who they are, and told what is wrong
        return
    finally:
        await hub.leave(listener)


def changed(names: Iterable[str], at: int) -> bytes:
    """The id stands in the last one: who is cut off before it is told all of them again."""
    *others, last = names
    sent = [ServerSentEvent(str(at), event=name, sep="\n") for name in others]
    return b"".join(each.encode() for each in (*sent, ServerSentEvent(str(at), event=last, id=str(at), sep="\n")))


def _beat(at: int) -> bytes:
    """An id without data: a browser remembers it, and shows no event."""
    return f"id: {at}\n\n".encode()


def come_again() -> bytes:
    return ServerSentEvent("{}", event=COME_AGAIN, retry=AGAIN_AFTER, sep="\n").encode()

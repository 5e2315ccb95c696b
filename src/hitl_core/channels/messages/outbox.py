"""The channel of all routes: what is to be said is kept until it was said, whoever dies meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, cast

from ...commands import (
    ChangeSlip,
    DropSlips,
    GetRequest,
    GetRun,
    KeepMessages,
    Note,
    Settled,
    Slip,
    SlipKind,
    TakeSlips,
)
from ...contracts import UNTOLD_AFTER, Clock, More, Store
from ...errors import RequestNotFound
from ...lifecycle import RequestState
from ...people import Directory, Person
from ...protocol import AuditEvent, Json, Kind, PauseRequest
from .audience import audience
from .links import Link, link_to, mint
from .message import Item, Message
from .route import Route
from .sending import Sender, SendFailed

log = logging.getLogger("hitl_core")

AT_ONCE: Final = 100
"""Messages that are taken up at a time; the rest is taken next."""

PATIENCE: Final = UNTOLD_AFTER
"""After so long another process sends what one has taken up and not sent, as it seems to have died."""

TRIES: Final = 8
FIRST_WAIT: Final = timedelta(seconds=15)
"""A message that was not taken is tried again after this time, then after twice as long each time."""


@dataclass(frozen=True, slots=True)
class Around:
    """What messages need. `url` is where people reach the inbox."""

    store: Store
    clock: Clock
    directory: Directory | None
    url: str


class Messages:
    """Keeps what is announced as slips, and sends those that are due. `routes` are the ways, each with its sender."""

    name = "messages"

    def __init__(self, routes: Mapping[str, tuple[Route, Sender]], around: Around) -> None:
        self._routes = routes
        self._around = around

    # ── keeping ──────────────────────────────────────────────────────────────────────────────────────────────

    async def announce(self, request: PauseRequest) -> None:
        """Keep a message for each person who is to be told, on each route; those that are due now are sent."""
        await self._keep(request, (request.id,))

    async def sum_up(self, more: More) -> None:
        """Tell of the newest, and of how many more there are."""
        await self._keep(more.newest, more.requests, more=more.count - 1)

    async def _keep(self, request: PauseRequest, told: tuple[str, ...], *, more: int = 0) -> None:
        """Keep all that is said, and that nobody is left untold of these requests, at once."""
        store, now = self._around.store, self._around.clock.now()
        tenant = (await store.fetch(GetRun(request.run_id))).tenant
        kept = [
            _slip(route, request, person, address, more=more, tenant=tenant, now=now)
            for route, _ in self._routes.values()
            if route.carries(request)
            for person, address in await self._to(route, request, tenant, now)
        ]
        await store.apply(KeepMessages(tuple(kept), told, now))
        await self.sweep()

    async def untold(self) -> tuple[PauseRequest, ...]:
        """Requests of which a process that has died kept no messages. What is frozen comes up again."""
        store, now = self._around.store, self._around.clock.now()
        taken = await store.apply(TakeSlips(SlipKind.UNTOLD, now + PATIENCE, now, AT_ONCE))
        untold = list[PauseRequest]()
        for slip in taken:
            settled = await self._settled(slip)
            if settled is None or not _is_to_be_said(settled):
                await store.apply(DropSlips(SlipKind.UNTOLD, now, key=slip.key))
            elif not _is_frozen(settled):
                untold.append(settled.request)
        return tuple(untold)

    async def _to(
        self, route: Route, request: PauseRequest, tenant: str, now: datetime
    ) -> list[tuple[Person | None, str]]:
        """Whom, and under which address. Whoever has none for this route is not told by it."""
        if not route.personal:
            return [(None, route.to)]
        directory = self._around.directory
        if directory is None:
            return []
        settled = await self._around.store.fetch(GetRequest(request.id))
        people = await audience(directory, settled, tenant=tenant, otherwise=route.roles, now=now)
        return [(each, address) for each in people if (address := each.addresses.get(route.name, ""))]

    # ── sending ──────────────────────────────────────────────────────────────────────────────────────────────

    async def sweep(self) -> None:
        """Send what is due. Of several processes each message is sent by one."""
        while True:
            now = self._around.clock.now()
            taken = await self._around.store.apply(TakeSlips(SlipKind.MESSAGE, now + PATIENCE, now, AT_ONCE))
            for (name, *_), slips in groupby(sorted(taken, key=_whom), key=_whom):
                if name in self._routes:  # others know the rest
                    await self._deliver(*self._routes[name], tuple(slips), now)
            if len(taken) < AT_ONCE:
                return

    async def _deliver(self, route: Route, sender: Sender, slips: tuple[Slip, ...], now: datetime) -> None:
        """Send what one address is to be told, as one message where it is a digest. What is frozen comes up again."""
        person = await self._person(slips[0].person)
        gone = bool(slips[0].person) and person is None
        found = {} if gone else {slip.key: await self._settled(slip) for slip in slips}
        about = {key: settled for key, settled in found.items() if settled is not None and _is_to_be_said(settled)}
        await self._drop((slip for slip in slips if slip.key not in about), now)
        left = [slip for slip in slips if slip.key in about and not _is_frozen(about[slip.key])]
        items = {slip.key: await self._item(route, about[slip.key].request, slip, now) for slip in left}
        for together in [left] if route.digest is not None and left else [[slip] for slip in left]:
            shown = tuple(items[slip.key] for slip in together)
            message = Message(together[0].key, str(together[0].body["address"]), shown, person)
            await self._send(sender, message, together, now)

    async def _send(self, sender: Sender, message: Message, slips: list[Slip], now: datetime) -> None:
        try:
            await sender.send(message)
        except SendFailed as exc:
            await self._again(slips, exc, now)
        except Exception as exc:
            log.exception("a message could not be sent")
            await self._again(slips, SendFailed(type(exc).__name__), now)
        else:
            await self._drop(slips, now, event=AuditEvent.MESSAGE_SENT)

    async def _again(self, slips: Iterable[Slip], exc: SendFailed, now: datetime) -> None:
        """Later, or never: people see it in the inbox anyway."""
        for slip in slips:
            tries = _number(slip, "tries") + 1
            if exc.lasting or tries >= TRIES:
                log.error("nobody is told about %s by %s any more: %s", slip.subject, slip.body["route"], exc)
                await self._drop((slip,), now, event=AuditEvent.MESSAGE_FAILED)
                continue
            due = now + FIRST_WAIT * 2 ** (tries - 1)
            log.warning("a message about %s was not taken, it is tried again at %s: %s", slip.subject, due, exc)
            body = slip.body | {"tries": tries}
            await self._around.store.apply(ChangeSlip(SlipKind.MESSAGE, slip.key, now, body=body, due=due))

    async def _drop(self, slips: Iterable[Slip], now: datetime, *, event: AuditEvent | None = None) -> None:
        for slip in slips:
            note = None if event is None else Note(event, slip.subject, "", {"route": slip.body["route"]})
            await self._around.store.apply(DropSlips(SlipKind.MESSAGE, now, key=slip.key, note=note))

    # ── what is said ─────────────────────────────────────────────────────────────────────────────────────────

    async def _person(self, id: str) -> Person | None:
        """Who is told; None where nobody in particular is, or they are not known any more."""
        if not id or self._around.directory is None:
            return None
        try:
            return await self._around.directory.person(id)
        except Exception as exc:  # a directory is somebody's code or service
            log.error("the directory of people cannot say who %r is, so they are not told: %s", id, exc)
            return None

    async def _item(self, route: Route, request: PauseRequest, slip: Slip, now: datetime) -> Item:
        """The request with a new link."""
        return Item(request, await self._link(route, request, slip, now), _number(slip, "more"))

    async def _settled(self, slip: Slip) -> Settled | None:
        """The request that a slip is about; None where it is not there any more."""
        try:
            return await self._around.store.fetch(GetRequest(slip.subject))
        except RequestNotFound:
            return None

    async def _link(self, route: Route, request: PauseRequest, slip: Slip, now: datetime) -> str:
        around = self._around
        if not (slip.person and route.decide) or request.kind is Kind.NOTICE:
            return link_to(around.url, request.id)
        link = Link(slip.person, request.id, request.digest, route.name)
        ends = now + route.link if request.deadline is None else min(now + route.link, request.deadline)
        return f"{around.url.rstrip('/')}/l/{await mint(around.store, link, tenant=slip.tenant, ends=ends, now=now)}"


def _slip(
    route: Route, request: PauseRequest, person: Person | None, address: str, *, more: int, tenant: str, now: datetime
) -> Slip:
    """One message that is to be sent. There is one for a person and request at a time, however often it comes up."""
    name = "" if person is None else person.id
    body: dict[str, Json] = {"route": route.name, "address": address, "more": more, "tries": 0}
    key = "|".join((route.name, name, request.id))
    return Slip(SlipKind.MESSAGE, key, now, tenant, name, request.id, body, due=route.due(now))


def _whom(slip: Slip) -> tuple[str, str, str]:
    return str(slip.body["route"]), slip.person, str(slip.body["address"])


def _number(slip: Slip, name: str) -> int:
    return int(cast("int", slip.body[name]))


def _is_to_be_said(settled: Settled) -> bool:
    """Whether it still waits, also for the end of a stop, or says what has happened."""
    return settled.request.kind is Kind.NOTICE or settled.state in (RequestState.OPEN, RequestState.FROZEN)


def _is_frozen(settled: Settled) -> bool:
    return settled.state is RequestState.FROZEN

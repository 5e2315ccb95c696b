"""Answers that are held for some seconds, so that a mistaken click can be taken back, and then given exactly once.

    hold ─► slip, due in `serving.undo` seconds ─┬─► take_back: as if it had not been said
                                                 └─► give_held, by any serving process: hitl.respond, and what came

A process that dies between taking a slip and writing what came of it leaves it to come up again; the store then finds
the same answer recorded, and hands that out.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from ...commands import ChangeSlip, DropSlips, ListSlips, Note, PutSlip, Slip, SlipKind, TakeSlips, UseSlip
from ...contracts import Clock, Store
from ...errors import FaultyError, HitlError, StoreError, StoreUnavailable
from ...protocol import AuditEvent, Json, Response, new_id
from ...runtime import Runtime
from ..auth.claims import WEB
from ..site import Site
from .wording import has_done

log = logging.getLogger("hitl_core")

_KEPT: Final = timedelta(days=30)
"""How long an answer waits for a process that gives it."""
_SHOWN: Final = timedelta(minutes=30)
"""How long what came of it is shown."""
TAKEN_BACK: Final = "taken back"
"""The outcome of an answer that was not given: its slip is used, and nothing came of it."""
_AGAIN: Final = timedelta(seconds=30)
"""When an answer comes up again whose process has died while giving it, or whose store was away."""


@dataclass(frozen=True, slots=True)
class Held:
    """An answer that is held, or was. `outcome` is "" while it waits, then `given`, `refused` or `taken back`.

    `is_taken`: a process is giving it now.
    """

    key: str
    response: Response
    title: str
    due: datetime
    is_taken: bool = False
    outcome: str = ""
    faults: tuple[tuple[str, str], ...] = ()
    typed: dict[str, str] | None = None

    @property
    def request_id(self) -> str:
        return self.response.request_id

    @property
    def done(self) -> str:
        return has_done(self.response.decision)


async def hold(site: Site, response: Response, *, title: str, tenant: str, typed: dict[str, str]) -> Held:
    """Hold an answer, and return it; where its person holds one to this request already, that one is returned."""
    now, person, subject = site.clock.now(), response.responder.id, response.request_id
    due = now + timedelta(seconds=site.serving.undo)
    body: dict[str, Json] = {"response": response.model_dump(mode="json"), "title": title, "typed": dict(typed)}
    body["due"] = due.isoformat()
    for held in await held_by(site, person, request_id=subject):
        if not held.outcome:
            return held
    key = f"{subject}:{response.idempotency_key or new_id(now)}"
    slip = Slip(SlipKind.HELD, key, now, tenant, person, subject, body, due, now + _KEPT)
    found = await site.store.apply(PutSlip(slip, now))
    if found.used_at is not None:  # taken back, or given and refused: what is said now is something new
        found = await site.store.apply(PutSlip(replace(slip, key=f"{subject}:{new_id(now)}"), now))
    return _held(found)


async def take_back(site: Site, request_id: str, person: str) -> Held | None:
    """Take an answer back that has not been given; None if it is too late, or there is none."""
    now = site.clock.now()
    for held in await held_by(site, person, request_id=request_id):
        in_time = not held.outcome and not held.is_taken and now < held.due
        if in_time and await site.store.apply(UseSlip(SlipKind.HELD, held.key, now, due=held.due)) is not None:
            return held
    return None


async def forget(site: Site, request_id: str, person: str) -> None:
    """Show what came of an answer no more. One that is still held stays."""
    for held in await held_by(site, person, request_id=request_id):
        if held.outcome:
            await site.store.apply(DropSlips(SlipKind.HELD, site.clock.now(), key=held.key))


async def held_by(site: Site, person: str, *, request_id: str | None = None) -> tuple[Held, ...]:
    """What somebody has said lately: what waits, and what came of it. Newest first."""
    now = site.clock.now()
    query = ListSlips(SlipKind.HELD, now, person=person, subject=request_id, limit=20)
    page = await site.store.fetch(query)
    lately = (slip for slip in page.items if slip.used_at is None or now < slip.used_at + _SHOWN)
    return tuple(held for held in map(_legible, lately) if held is not None)


# ── giving them ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def give_held(site: Site) -> int:
    """Give the answers whose time has come; returns how many were looked at.

    One that cannot be given, whatever is wrong with it, keeps no other back: it comes up again.
    """
    now = site.clock.now()
    taken = await site.store.apply(TakeSlips(SlipKind.HELD, now + _AGAIN, now))
    for slip in taken:
        try:
            await _give(site.hitl, site.store, site.clock, slip)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("an answer to %s that is held could not be given; it comes up again", slip.subject)
    return len(taken)


class Giving:
    """The task of an app that gives what is due: begun with the app's lifespan, or, where it is mounted and nobody runs
    that, by the first request that it serves. It ends with the lifespan, or with the runtime."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._task: asyncio.Task[None] | None = None
        self._over = False
        self._told = False

    def begin(self) -> None:
        """On the loop that serves. Once begun it goes on; what one loop has left behind, the next one begins anew."""
        if self._over or (self._task is not None and not (self._task.done() or self._task.get_loop().is_closed())):
            return
        if not self._told:
            self._site.hitl.before_close(self.end)
            self._told = True
        self._task = asyncio.create_task(_keep_giving(self._site), name="hitl-giving")

    def end(self) -> None:
        """Nothing is given by this app any more. Any thread may call it."""
        self._over = True
        if self._task is not None and not self._task.get_loop().is_closed():
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    async def ended(self) -> None:
        """End it, and return when that is so; it may be begun anew. Call it on the loop that serves."""
        over = self._over
        self.end()
        if self._task is not None:
            await asyncio.wait((self._task,))
        self._over = over


async def _keep_giving(site: Site) -> None:
    """Give what is due, for as long as the process serves."""
    while True:
        try:
            await give_held(site)
        except StoreError as exc:
            log.warning("answers that are held are not given while the store is away: %s", exc)
        except Exception:  # whatever it is, the next ones are to be given
            log.exception("answers that are held could not be looked for")
        await site.clock.sleep(min(0.5, max(0.05, site.serving.undo / 10)))


async def _give(hitl: Runtime, store: Store, clock: Clock, slip: Slip) -> None:
    held = _legible(slip)
    if held is None:
        await _drop(store, clock, slip)
        return
    try:
        await hitl.respond(held.response)
    except StoreError:
        raise
    except HitlError as exc:
        faults = exc.faults if isinstance(exc, FaultyError) else ()
        found: list[Json] = [[each.path, each.problem] for each in faults] or [["", str(exc)]]
        came: dict[str, Json] = {"outcome": "refused", "code": exc.code, "faults": found}
    else:
        came = {"outcome": "given"}
    now = clock.now()
    await store.apply(ChangeSlip(SlipKind.HELD, slip.key, now, body={**slip.body, **came}, expires=now + _SHOWN))
    await store.apply(UseSlip(SlipKind.HELD, slip.key, now))


async def _drop(store: Store, clock: Clock, slip: Slip) -> None:
    """An answer that nobody can read is none: it is not given, and that is recorded."""
    log.error("the answer of %r to %s that was held cannot be read, so it was not given", slip.person, slip.subject)
    faults: list[Json] = ["the answer that was held cannot be read, so it was not given; answer the request again"]
    note = Note(AuditEvent.REQUEST_REFUSED, slip.subject, slip.person, {"faults": faults, "channel": WEB})
    await store.apply(DropSlips(SlipKind.HELD, clock.now(), key=slip.key, note=note))


def _legible(slip: Slip) -> Held | None:
    """What is held; None for what cannot be read, or is not the answer of this person to this request."""
    try:
        held = _held(slip)
    except (LookupError, TypeError, ValueError):
        return None
    is_theirs = (held.request_id, held.response.responder.id) == (slip.subject, slip.person)
    return held if is_theirs else None


def _held(slip: Slip) -> Held:
    body: dict[str, Any] = slip.body
    due = datetime.fromisoformat(body["due"])
    return Held(
        slip.key,
        Response.model_validate(body["response"]),
        str(body["title"]),
        due,
        slip.due != due,
        str(body.get("outcome", "" if slip.used_at is None else TAKEN_BACK)),
        tuple((str(path), str(problem)) for path, problem in body.get("faults", ())),
        cast("dict[str, str]", body.get("typed")),
    )

"""Idempotency keys: a key that the caller has made stands for one act, which is done once.

A slip is put before anything is done, and its answer is kept in it. Who repeats the call gets that answer; while it is
not there, nobody knows whether the act was done, and it is not done again.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from fastapi import Depends, HTTPException, Request, Response

from ...commands import ChangeSlip, DropSlips, PutSlip, Slip, SlipKind
from ...errors import HitlError
from ...protocol import Json, new_id
from ...wire import status_of
from ..auth import AnyVisitor, Visitor
from ..site import CurrentSite, Site
from .calls import HEADERS, body_of
from .parameters import IdempotencyKey

KEPT: Final = timedelta(days=1)
MOST_KEPT: Final = 262_144
"""Bytes of an answer that are kept."""
REPLAYED: Final = {"Idempotency-Replayed": "true"}


@dataclass(frozen=True, slots=True)
class IdempotentCall:
    """One call with a key, or without one: then it is done each time."""

    site: Site
    visitor: Visitor
    key: str | None
    digest: str

    async def once(self, act: Callable[[], Awaitable[Response]]) -> Response:
        """Carry out an act, or give the answer that it had. Raises HTTPException 409 while that is not known."""
        if self.key is None:
            return await act()
        slip, ours = await self.slip()
        if not ours:
            return _answered(slip)
        try:
            response = await act()
        except HitlError as exc:
            if status_of(exc) < 500:  # it was refused, so nothing was done
                await self.site.store.apply(DropSlips(SlipKind.REPEAT, self.site.clock.now(), key=self.key))
            raise
        await self._keep(slip, response)
        return response

    async def run(self) -> tuple[str, bool]:
        """The id of the run that this call starts, and whether it has not been made before.

        The run itself says what came of the call: so a repeated one finishes what was broken off, and starts no other.
        """
        if self.key is None:
            return new_id(self.site.clock.now()), True
        slip, ours = await self.slip()
        return str(slip.body["run"]), ours

    async def slip(self) -> tuple[Slip, bool]:
        """What stands for this act, and whether it was put there by this very call.

        Raises HTTPException 422 where the key was used for something else.
        """
        assert self.key is not None
        now = self.site.clock.now()
        body: dict[str, Json] = {"digest": self.digest, "run": new_id(now)}
        who, tenant = self.visitor.responder.id, self.visitor.tenant or self.site.hitl.settings.tenant
        made = Slip(SlipKind.REPEAT, self.key, now, tenant, who, body=body, expires=now + KEPT)
        slip = await self.site.store.apply(PutSlip(made, now))
        if slip.body.get("digest") != self.digest:
            raise HTTPException(422, "this Idempotency-Key stands for another call, or body; make a new one for each")
        return slip, slip.body["run"] == body["run"]

    async def _keep(self, slip: Slip, response: Response) -> None:
        text = bytes(response.body)
        kept = base64.b64encode(text).decode() if len(text) <= MOST_KEPT else None
        body: dict[str, Json] = {**slip.body, "status": response.status_code, "answer": kept}
        await self.site.store.apply(ChangeSlip(slip.kind, slip.key, self.site.clock.now(), body=body))


async def idempotent(
    request: Request, site: CurrentSite, who: AnyVisitor, key: IdempotencyKey = None
) -> IdempotentCall:
    """A dependency. The body is digested as it came; keys of two people never meet."""
    said = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await body_of(request)
    named = None if key is None else hashlib.sha256(f"{who.responder.id}\n{who.tenant}\n{key}".encode()).hexdigest()
    return IdempotentCall(site, who, named, hashlib.sha256(said).hexdigest())


Idempotent = Annotated[IdempotentCall, Depends(idempotent)]


def _answered(slip: Slip) -> Response:
    status, kept = slip.body.get("status"), slip.body.get("answer")
    if not isinstance(status, int):
        raise HTTPException(
            409,
            "this call is under way, or was broken off, so whether it was done is not known; wait for it, or look, and "
            "do it again with another key",
            {"Retry-After": "1"},
        )
    if not isinstance(kept, str):
        raise HTTPException(409, "this call was done, and its answer was too long to be kept; look what came of it")
    return Response(base64.b64decode(kept), status, {**HEADERS, **REPLAYED}, "application/json")

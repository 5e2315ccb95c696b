"""How often somebody may come: all calls of a minute at once if they like, which then come back evenly.

The generic cell rate algorithm (ITU-T I.371): of each person or address one moment is kept, when all they have used is
theirs again. There is an end to how many are kept, so nobody fills the memory with addresses (decision 0082).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from ...config import Serving
from ...contracts import Clock
from .client_addresses import ClientAddresses
from .refusals import path_of, refuse
from .security_headers import STATIC

MINUTE: Final = 60.0
KEPT: Final = 1 << 16
"""People and addresses that are kept in mind. Whoever has not come for longest is forgotten first."""
MANY: Final = 10
"""Several people come from one address: so many times what one of them may is what it may."""
SIGNS_IN: Final = ("/login", "/l/")
LINKS: Final = ("/login/", "/l/")
SIGN_IN: Final = "/login"
BEGIN: Final = "/login/oidc"
BACK: Final = "/login/oidc/back"
PROBES: Final = ("/healthz", "/readyz")


class Rate:
    """So many calls a minute for each key; 0 for as many as they like."""

    def __init__(self, a_minute: int, *, kept: int = KEPT) -> None:
        self._step = MINUTE / a_minute if a_minute else 0.0
        self._kept = kept
        self._free: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Count a call. Returns 0.0, or after how many seconds the next one is let through: then this one is not."""
        if not self._step:
            return 0.0
        free = min(max(self._free.get(key, now), now), now + MINUTE)
        wait = free + self._step - MINUTE - now
        if wait > 1e-6:
            return wait
        self._free[key] = free + self._step
        self._free.move_to_end(key)
        if len(self._free) > self._kept:
            self._free.popitem(last=False)
        return 0.0


class RateLimits:
    """Refuses an address that comes too often, before anything is looked up for it; and one that signs in too often."""

    def __init__(self, app: ASGIApp, serving: Serving, clock: Clock) -> None:
        self._app, self._clock, self._addresses = app, clock, ClientAddresses(serving)
        self._calls, self._sign_ins = Rate(MANY * serving.calls_a_minute), Rate(serving.sign_ins_a_minute)
        self._begun, self._looks = Rate(serving.sign_ins_a_minute), Rate(MANY * serving.sign_ins_a_minute)
        self._by_a_look = (SIGN_IN, BACK) if serving.proxy else (BACK,)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wait = self._wait(scope) if scope["type"] == "http" else 0.0
        if wait:
            await too_often(scope, send, wait)
        else:
            await self._app(scope, receive, send)

    def _wait(self, scope: Scope) -> float:
        path = path_of(scope)
        if path.startswith(STATIC) or path in PROBES:
            return 0.0
        address, now = self._addresses.of(scope), self._clock.now().timestamp()
        rate = self._of_signing_in(path, scope["method"] in ("GET", "HEAD"))
        return (rate.take(address, now) if rate else 0.0) or self._calls.take(address, now)

    def _of_signing_in(self, path: str, looks: bool) -> Rate | None:
        """What counts a way to come in: to begin at a provider, to look at a link, to sign in; None for the rest.

        Where a proxy says who people are, to look at the page of the sign-in is to sign in.
        """
        if path == BEGIN:
            return self._begun
        if path in self._by_a_look or (path.startswith(SIGNS_IN) and not looks):
            return self._sign_ins
        return self._looks if path.startswith(LINKS) else None


async def too_often(scope: Scope, send: Send, wait: float) -> None:
    """Say when to come again."""
    seconds = math.ceil(wait)
    why = f"too many requests from here; nothing was done, come again in {seconds} s"
    await refuse(scope, send, HTTPStatus.TOO_MANY_REQUESTS, why, (b"retry-after", str(seconds).encode()))

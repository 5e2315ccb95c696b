"""Reading the whole trail again while people go on: one at a time in a process, and how far it has come."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from fastapi import Request

from ....audit import Custody, Finding, Report, Verifier
from ....commands import ReadAudit
from ....contracts import pages
from ....errors import StoreError
from ...site import Site, site_of

log = logging.getLogger("hitl_core.server")

VERDICTS: Final = {0: "intact", 1: "broken", 2: "cannot be told"}


@dataclass
class Verifying:
    """One reading. `report` is there at the end, `failed` if there was none because something went wrong."""

    begun: datetime
    by: str
    read: int = 0
    tip: int = 0
    seal: str = ""
    report: Report | None = None
    failed: str = ""

    @property
    def over(self) -> bool:
        return self.report is not None or bool(self.failed)

    @property
    def verdict(self) -> str:
        return "" if self.report is None else VERDICTS[self.report.exit_code]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return () if self.report is None else self.report.findings

    @property
    def unanchored(self) -> int:
        """The newest lines, which no anchor vouches for yet."""
        return 0 if self.report is None else self.report.lines - self.report.anchored


class Verifications:
    """The last reading of the trail in this process, and the one that is under way."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._work: asyncio.Task[None] | None = None
        self.last: Verifying | None = None

    def begin(self, by: str) -> None:
        """Begin to read; where somebody has begun, that goes on."""
        if self.last is not None and not self.last.over:
            return
        self.last = Verifying(self._site.clock.now(), by)
        self._work = asyncio.create_task(self._verify(self.last), name="hitl-verify")

    async def finished(self, timeout: float) -> None:
        """Return when it is over, or after so many seconds."""
        if self._work is not None:
            await asyncio.wait((self._work,), timeout=timeout)

    async def _verify(self, reading: Verifying) -> None:
        custody = getattr(self._site.store, "custody", None)
        if not isinstance(custody, Custody):
            reading.failed = "this store keeps no sealed trail, so there is nothing to verify"
            return
        verifier = Verifier(custody)
        try:
            async for page in pages(self._site.store, ReadAudit()):
                await asyncio.to_thread(verifier.feed, page.items)
                sealed = [each for each in page.items if not each.unsealed]
                reading.read += len(sealed)
                reading.tip, reading.seal = (sealed[-1].seq, sealed[-1].mac) if sealed else (reading.tip, reading.seal)
            reading.report = await asyncio.to_thread(verifier.report)
        except StoreError as exc:
            reading.failed = f"the trail cannot be read: {exc}"
        except Exception as exc:  # what was read may be anything; a page that waits for ever would hide it
            log.exception("the trail could not be verified")
            reading.failed = f"the trail could not be verified: {type(exc).__name__}"


def verifications(request: Request) -> Verifications:
    """Those of the site that a request has come to."""
    state = request.app.state
    if not hasattr(state, "verifications"):
        state.verifications = Verifications(site_of(request))
    return cast("Verifications", state.verifications)

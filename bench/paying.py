"""The app of the kill test: an approval, then an effect that the outside world can see, done by three libraries alike.

The effect is one line in a ledger that survives every process, and the wait for a reply that comes a little later: what
dies in between has paid and does not know it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from hitl_adapters.plain import gate

REPLY: Final = 0.005
"""Seconds until the other side replies."""


def pay(ledger: str, number: int) -> None:
    """The effect."""
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(file, f"{number}\n".encode())
    finally:
        os.close(file)
    time.sleep(REPLY)


def paid(ledger: Path) -> Counter[int]:
    """How often each was paid."""
    lines = ledger.read_text(encoding="utf-8").split() if ledger.exists() else []
    return Counter(map(int, lines))


@gate.guard(reversible=False)
async def refund(ledger: str, number: int) -> str:
    """The effect, behind the gate."""
    await asyncio.to_thread(pay, ledger, number)
    return "paid"


async def desk(given: Any) -> str:
    """Pays once somebody approves."""
    return str(await refund(given["ledger"], given["number"]))

"""A stop that is wanted while the store is away: Ctrl-C gives it up, whatever becomes of what was under way."""

from __future__ import annotations

import asyncio
import signal

import pytest

from hitl_core.cli.insisting import insisted
from hitl_core.cli.terminal.output import Output
from hitl_core.errors import StoreUnavailable

AWAY = "the store is away"


async def interrupted() -> None:
    """A try that Ctrl-C falls into, and whose clean-up meets the store, too."""
    try:
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()
    finally:
        raise StoreUnavailable(AWAY)


@pytest.mark.parametrize("before", [0, 2])
def test_who_gives_up_does_so_also_where_the_interruption_was_lost(
    before: int, capsys: pytest.CaptureFixture[str]
) -> None:
    tries = 0

    def give() -> None:
        nonlocal tries
        tries += 1
        if tries <= before:
            raise StoreUnavailable(AWAY)
        asyncio.run(interrupted())

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        insisted(give, Output(), give_up=None)
    assert tries == before + 1
    assert "given up: the stop is NOT in force" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is handler

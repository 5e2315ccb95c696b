"""Work that outlives whoever waited for it."""

from __future__ import annotations

import asyncio

import pytest

from hitl_core.runtime.background import Background


async def test_what_comes_of_it_is_handed_over() -> None:
    background = Background()

    async def works() -> str:
        return "done"

    async def fails() -> None:
        raise OSError("no disk")

    assert await background.result(works()) == "done"
    with pytest.raises(OSError, match="no disk"):
        await background.result(fails())
    await background.close()


@pytest.mark.parametrize("error", [None, OSError("no disk"), asyncio.CancelledError()], ids=lambda error: repr(error))
async def test_it_goes_on_alone_and_says_how_it_failed(
    caplog: pytest.LogCaptureFixture, error: BaseException | None
) -> None:
    background, go_on, ended = Background(), asyncio.Event(), []

    async def work() -> None:
        await go_on.wait()
        ended.append(True)
        if error is not None:
            raise error

    waiting = asyncio.ensure_future(background.result(work()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    await background.close()
    await asyncio.sleep(0)
    assert (ended, "failed: OSError" in caplog.text) == ([True], isinstance(error, OSError))

"""Channels: announcing is a courtesy, and what it shows cannot rewrite a terminal."""

from __future__ import annotations

import asyncio
import io
import logging

import pytest

from hitl_core.channels import Announcer
from hitl_core.channels.console import ConsoleChannel
from hitl_core.contracts import Channel
from hitl_core.protocol import Kind, PauseRequest
from tests.core import desk


class Recorded:
    """A channel that remembers, after a moment, what it was told."""

    name = "recorded"

    def __init__(self) -> None:
        self.told: list[str] = []

    async def announce(self, request: PauseRequest) -> None:
        await asyncio.sleep(0)
        self.told.append(request.id)


class Broken:
    name = "broken"

    async def announce(self, request: PauseRequest) -> None:
        raise OSError("no network")


async def test_every_channel_is_told_and_close_waits_for_them() -> None:
    one, other = Recorded(), Recorded()
    announcer = Announcer([one, other])
    announcer.announce(desk.request())
    assert one.told == []  # nobody waited
    await announcer.close()
    assert one.told == other.told == ["request-1"]


async def test_a_channel_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    recorded = Recorded()
    announcer = Announcer([Broken(), recorded])
    with caplog.at_level(logging.ERROR, "hitl_core"):
        announcer.announce(desk.request())
        await announcer.close()
    assert recorded.told == ["request-1"]
    assert "channel broken could not announce request request-1" in caplog.text


class Hanging:
    """A channel that never comes back, and that may not even let itself be cancelled."""

    name = "hanging"

    def __init__(self, *, stubborn: bool) -> None:
        self.stubborn = stubborn
        self.free = asyncio.Event()

    async def announce(self, request: PauseRequest) -> None:
        while not self.free.is_set():
            try:
                await self.free.wait()
            except asyncio.CancelledError:
                if not self.stubborn:
                    raise


@pytest.mark.parametrize("stubborn", [False, True])
async def test_a_channel_that_hangs_does_not_keep_the_runtime_open(
    caplog: pytest.LogCaptureFixture, stubborn: bool
) -> None:
    hanging, recorded = Hanging(stubborn=stubborn), Recorded()
    announcer = Announcer([hanging, recorded], patience=0.01)
    announcer.announce(desk.request())
    async with asyncio.timeout(10):
        await announcer.close()
    assert "1 announcements took longer than 0.01 s" in caplog.text
    assert recorded.told == ["request-1"]
    hanging.free.set()


async def test_without_announcements_there_is_nothing_to_wait_for() -> None:
    await Announcer([Recorded()]).close()


async def test_the_console_shows_one_line() -> None:
    stream = io.StringIO()
    channel = ConsoleChannel(stream)
    assert isinstance(channel, Channel)
    await channel.announce(desk.request())
    await channel.announce(desk.request(id="notice-1", kind=Kind.NOTICE, title="Sent"))
    assert stream.getvalue() == "[waits] request-1  Refund\n[notice] notice-1  Sent\n"


async def test_the_console_is_standard_error_unless_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    await ConsoleChannel().announce(desk.request())
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "[waits] request-1  Refund\n")


async def test_the_console_shows_a_hostile_title_as_text() -> None:
    stream = io.StringIO()
    await ConsoleChannel(stream).announce(desk.request(title="\x1b[2J\nApproved by security"))
    assert stream.getvalue() == "[waits] request-1  \\x1b[2J\\nApproved by security\n"

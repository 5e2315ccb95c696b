"""Channels: announcing is a courtesy, and what it shows cannot rewrite a terminal."""

from __future__ import annotations

import asyncio
import io
import logging
from typing import Any

import pytest

from hitl_core.channels import Announcer
from hitl_core.channels.console import ConsoleChannel
from hitl_core.contracts import Channel, More, SumsUp
from hitl_core.protocol import Action, Approvers, Kind, Origin, PauseRequest
from hitl_core.testing.clock import ManualClock
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


# ── floods ───────────────────────────────────────────────────────────────────────────────────────────────────


class Summing(Recorded):
    """A channel that can say how many more there are."""

    def __init__(self) -> None:
        super().__init__()
        self.more: list[tuple[str, int, str]] = []

    async def sum_up(self, more: More) -> None:
        self.more.append((more.agent, more.count, more.newest.id))


def asked_by(agent: str, number: int, **more: Any) -> PauseRequest:
    return desk.request(id=f"{agent}-{number}", action=Action(tool="t", origin=Origin(agent=agent)), **more)


async def test_a_flood_is_told_once_a_minute_and_hides_nobody_else() -> None:
    clock, summing, plain = ManualClock(), Summing(), Recorded()
    announcer = Announcer([summing, plain], clock=clock, most=2)
    for number in range(5):
        announcer.announce(asked_by("flood", number))
    announcer.announce(asked_by("calm", 0))
    announcer.announce(asked_by("flood", 5, approvers=Approvers(users=("bob",))))
    await clock.asleep()
    clock.advance(60)
    await asyncio.gather(*announcer._waiting.values())
    await announcer.close()
    assert summing.told == ["flood-0", "flood-1", "calm-0", "flood-5"]
    assert summing.more == [("flood", 3, "flood-4")]
    assert plain.told == ["flood-0", "flood-1", "calm-0", "flood-5", "flood-4"]  # it can only show the newest
    announcer.announce(asked_by("flood", 6))  # and then it begins anew
    await announcer.close()
    assert summing.told[-1] == "flood-6"


async def test_what_is_still_to_be_told_is_told_when_the_runtime_closes() -> None:
    summing = Summing()
    announcer = Announcer([summing], clock=ManualClock(), most=1)
    for number in range(4):
        announcer.announce(asked_by("flood", number))
    await announcer.close()
    assert (summing.told, summing.more) == (["flood-0"], [("flood", 3, "flood-3")])


async def test_a_minute_later_or_without_a_limit_each_is_told() -> None:
    clock, summing, all_of_it = ManualClock(), Summing(), Recorded()
    announcer, unlimited = Announcer([summing], clock=clock, most=1), Announcer([all_of_it], clock=clock, most=0)
    for number in range(3):
        announcer.announce(asked_by("slow", number))
        unlimited.announce(asked_by("slow", number))
        unlimited.announce(asked_by("slow", number))
        clock.advance(60)
    await announcer.close()
    await unlimited.close()
    assert (summing.told, summing.more, len(all_of_it.told)) == (["slow-0", "slow-1", "slow-2"], [], 6)


async def test_who_was_told_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hitl_core.channels.announcer._WINDOWS", 3)
    clock, summing = ManualClock(), Summing()
    announcer = Announcer([summing], clock=clock, most=1)
    for number in range(9):
        announcer.announce(asked_by(f"agent-{number}", 0))
        clock.advance(30)
    assert len(announcer._windows) <= 3
    await announcer.close()
    assert len(summing.told) == 9


async def test_a_channel_that_cannot_say_how_many_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    announcer = Announcer([Broken()], clock=ManualClock(), most=1)
    announcer.announce(asked_by("flood", 0))
    announcer.announce(asked_by("flood", 1))
    await announcer.close()
    assert "channel broken could not say that 1 more requests are there" in caplog.text


async def test_the_console_says_how_many_more_there_are() -> None:
    stream = io.StringIO()
    channel = ConsoleChannel(stream)
    assert isinstance(channel, SumsUp)
    await channel.sum_up(More("des\x1bk", 340, desk.request()))
    await channel.sum_up(More("", 2, desk.request()))
    assert stream.getvalue() == (
        "[waits] 340 more of agent 'des\\x1bk' within a minute, the newest request-1; `hitl inbox` lists them\n"
        "[waits] 2 more within a minute, the newest request-1; `hitl inbox` lists them\n"
    )


class Sweeping(Recorded):
    """A channel with something under way; it fails as often as it is told to."""

    def __init__(self, *fails: Exception) -> None:
        super().__init__()
        self.fails = list(fails)
        self.swept = 0
        self.go_on = asyncio.Event()

    async def sweep(self) -> None:
        self.swept += 1
        await self.go_on.wait()
        if self.fails:
            raise self.fails.pop()


async def test_what_is_under_way_is_swept_by_one_at_a_time(caplog: pytest.LogCaptureFixture) -> None:
    channel = Sweeping(OSError("no network"))
    announcer = Announcer([Recorded(), channel])
    with caplog.at_level(logging.ERROR, "hitl_core"):
        for _ in range(3):
            announcer.sweep()
            await asyncio.sleep(0)
        assert channel.swept == 1
        channel.go_on.set()
        await announcer.close()
    assert "channel recorded could not send what is due" in caplog.text
    announcer.sweep()
    await announcer.close()
    assert channel.swept == 2

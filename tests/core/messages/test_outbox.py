"""What is announced is said once; what fails is tried again; for whom it is over, nobody is told."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import time, timedelta
from pathlib import Path
from typing import cast

import pytest

from hitl_core.channels.messages import Around, Link, Message, Messages, Route, SendFailed, outbox
from hitl_core.channels.messages.outbox import FIRST_WAIT, PATIENCE, TRIES
from hitl_core.commands import ListSlips, PutSlip, Slip, SlipKind, StopScope
from hitl_core.contracts import UNTOLD_AFTER, More
from hitl_core.people import PeopleFile, Person
from hitl_core.protocol import AuditEvent, Hours, Json, Level, Run
from hitl_core.runtime import Runtime
from tests.core.shop import Shop, one_refund, only, policy, rule, trail

PEOPLE = """
[people.ann]
roles = ["lead"]
addresses = { mail = "ann@example.com", pager = "1" }
[people.ben]
roles = ["lead"]
addresses = { mail = "ben@example.com" }
[people.cyd]
roles = ["lead"]
"""
MAIL = Route("mail", "apprise", "mailto://example.com?to={address}")


class Post:
    """A sender that keeps what it was given; `fails` is what it says instead, one for each message."""

    def __init__(self, *fails: Exception) -> None:
        self.sent: list[Message] = []
        self.fails = list(fails)

    async def send(self, message: Message) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.sent.append(message)

    @property
    def told(self) -> list[tuple[str, int]]:
        return [(message.address, len(message.items)) for message in self.sent]


class Office:
    """The shop, with messages. Each `open` is a new process."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        shop.policy = policy(rule("lead", level="confirm", approvers={"roles": ["lead"]}))
        shop.people(PEOPLE)

    @asynccontextmanager
    async def open(self, post: Post, *routes: Route) -> AsyncIterator[tuple[Runtime, Messages]]:
        shop = self.shop
        store = await shop.store()
        around = Around(store, shop.clock, shop.directory, "https://inbox.example.com/")
        channel = Messages({route.name: (route, post) for route in routes or (MAIL,)}, around)
        try:
            async with shop.open(one_refund(shop.ledger), channels=(channel,)) as hitl:
                yield hitl, channel
        finally:
            await store.close()

    async def waiting(self) -> list[Slip]:
        store = await self.shop.store()
        try:
            page = await store.fetch(ListSlips(SlipKind.MESSAGE, self.shop.clock.now()))
            return list(page.items)
        finally:
            await store.close()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(Shop(tmp_path))


async def asked(hitl: Runtime) -> Run:
    run = await hitl.start({})
    await hitl._announcer.close()
    return run


async def test_each_person_is_told_once_with_a_link_of_their_own(office: Office) -> None:
    post = Post()
    async with office.open(post) as (hitl, channel):
        run = await asked(hitl)
        await channel.sweep()
        assert sorted(post.told) == [("ann@example.com", 1), ("ben@example.com", 1)]  # cyd has no address
        links = [message.items[0].link for message in post.sent]
        assert len(set(links)) == 2
        assert all(link.startswith("https://inbox.example.com/l/") for link in links)
        slips = (await hitl.store.fetch(ListSlips(SlipKind.LINK, office.shop.clock.now()))).items
        assert {slip.person for slip in slips} == {"ann", "ben"}
        assert not any(slip.key in link for slip in slips for link in links)
        assert {Link.of(slip) for slip in slips} == {
            Link(person, only(run).id, only(run).digest, "mail") for person in ("ann", "ben")
        }
        assert len(await trail(hitl, AuditEvent.MESSAGE_SENT)) == 2
    assert await office.waiting() == []


async def test_a_message_that_is_not_taken_is_tried_again_and_given_up_in_the_end(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.shop.people('[people.ann]\nroles = ["lead"]\naddresses = { mail = "ann@example.com" }\n')
    post = Post(*[SendFailed("the server is away")] * TRIES)
    async with office.open(post) as (hitl, channel):
        with caplog.at_level(logging.WARNING, "hitl_core"):
            await asked(hitl)
            for number in range(TRIES - 1):
                (left,) = await office.waiting()
                assert left.due == office.shop.clock.now() + FIRST_WAIT * 2**number
                await channel.sweep()  # too early: nothing happens
                assert len(post.fails) == TRIES - 1 - number
                office.shop.clock.advance((FIRST_WAIT * 2**number).total_seconds())
                await channel.sweep()
        assert "nobody is told about" in caplog.text
        assert len(await trail(hitl, AuditEvent.MESSAGE_FAILED)) == 1
    assert (post.told, await office.waiting()) == ([], [])


async def test_an_address_that_is_wrong_is_not_tried_again(office: Office) -> None:
    post = Post(SendFailed("no such address", lasting=True), RuntimeError("a bug"))
    async with office.open(post) as (hitl, channel):
        await asked(hitl)
        (left,) = await office.waiting()  # the other one: whatever was raised, it is tried again
        office.shop.clock.advance(FIRST_WAIT.total_seconds())
        await channel.sweep()
    assert post.told == [(left.body["address"], 1)]


class Dies(BaseException):
    """The process is killed while it sends."""


async def test_what_a_dead_process_has_taken_up_is_sent_by_another(office: Office) -> None:
    async with office.open(Post(*[SendFailed("away")] * 2)) as (hitl, _):
        await asked(hitl)
    office.shop.clock.advance(FIRST_WAIT.total_seconds())
    with pytest.raises(Dies):
        async with office.open(Post(cast("Exception", Dies()))) as (_, channel):
            await channel.sweep()
    post = Post()
    async with office.open(post) as (_, channel):
        await channel.sweep()
        assert post.told == []  # it may still be at it
        office.shop.clock.advance(PATIENCE.total_seconds())
        await channel.sweep()
    assert sorted(post.told) == [("ann@example.com", 1), ("ben@example.com", 1)]


async def test_those_of_a_digest_are_one_message(office: Office) -> None:
    post, hourly = Post(), Route("mail", "apprise", "x{address}", digest=timedelta(hours=1))
    async with office.open(post, hourly) as (hitl, channel):
        await asked(hitl)
        second = await asked(hitl)
        third = await asked(hitl)
        assert post.told == []
        await hitl.respond(only(second).approve(by="ann"))
        office.shop.clock.advance(hours=1)
        await channel.sweep()
        assert sorted(post.told) == [("ann@example.com", 2), ("ben@example.com", 2)]
        assert only(third).id in {item.request.id for item in post.sent[0].items}


async def test_at_night_nobody_is_told_until_the_morning(office: Office) -> None:
    day = Hours(name="day", zone="UTC", opens=time(8), closes=time(18))
    post = Post()
    office.shop.clock.advance(hours=12)  # nine in the evening
    async with office.open(post, Route("mail", "apprise", "x{address}", hours=day)) as (hitl, channel):
        await asked(hitl)
        office.shop.clock.advance(hours=10, minutes=59)
        await channel.sweep()
        assert post.told == []
        office.shop.clock.advance(minutes=1)
        await channel.sweep()
        assert len(post.told) == 2


async def test_who_is_not_known_any_more_is_not_told(office: Office) -> None:
    post = Post()
    async with office.open(post, Route("mail", "apprise", "x{address}", digest=timedelta(hours=1))) as (hitl, channel):
        await asked(hitl)
        office.shop.people("[people.ben]\n")
        channel._around = Around(hitl.store, office.shop.clock, office.shop.directory, "https://x")
        office.shop.clock.advance(hours=1)
        await channel.sweep()
    assert [address for address, _ in post.told] == ["ben@example.com"]


async def test_a_team_is_told_once_and_signs_in(office: Office) -> None:
    post = Post()
    async with office.open(post, Route("team", "slack", "#approvals")) as (hitl, _):
        run = await asked(hitl)
    (message,) = post.sent
    assert (message.address, message.person) == ("#approvals", None)
    assert message.items[0].link == f"https://inbox.example.com/requests/{only(run).id}"


async def test_a_flood_is_one_message_that_says_how_many_more(office: Office) -> None:
    post = Post()
    async with office.open(post, Route("team", "slack", "#approvals")) as (hitl, channel):
        run = await hitl.start({})
        await hitl._announcer.close()
        post.sent.clear()
        await channel.sum_up(More("", 7, only(run)))
    assert [message.items[0].more for message in post.sent] == [6]


async def test_who_is_not_told_one_by_one_in_a_flood_is_told(office: Office) -> None:
    """Of what is summed up nothing is told once more later, as if nobody had been told."""
    post = Post()
    async with office.open(post, Route("team", "slack", "#approvals")) as (hitl, _):
        hitl._announcer._most = 1
        for _ in range(3):
            await hitl.start({})
        await hitl._announcer.close()
        assert await untold(hitl) == []
        office.shop.clock.advance(UNTOLD_AFTER.total_seconds())
        await ticked(hitl)
    assert [message.items[0].more for message in post.sent] == [0, 1]


async def untold(hitl: Runtime) -> list[str]:
    return [slip.subject for slip in (await hitl.store.fetch(ListSlips(SlipKind.UNTOLD, hitl.clock.now()))).items]


async def ticked(hitl: Runtime) -> None:
    await hitl.tick()
    await hitl._announcer.close()


async def test_of_what_is_frozen_people_are_told_when_the_stop_has_ended(office: Office) -> None:
    """Whether it was asked under the stop, or its message waited when everything was stopped."""
    post, hourly = Post(), Route("mail", "apprise", "x{address}", digest=timedelta(hours=1))
    async with office.open(post, hourly) as (hitl, _):
        before = only(await asked(hitl))
        await hitl.stop(StopScope.TOOL, "refund", by="cyd", reason="too fast")
        under = await asked(hitl)
        assert under.pending == ()
        (asked_under,) = await untold(hitl)
        for _ in range(2):
            office.shop.clock.advance(hours=1)
            await ticked(hitl)
        assert post.told == []
        await hitl.lift(StopScope.TOOL, "refund", by="ben", reason="all is well")
        for _ in range(2):
            office.shop.clock.advance(hours=1)
            await ticked(hitl)
        told = {item.request.id for message in post.sent for item in message.items}
        assert told == {before.id, asked_under}
        assert await untold(hitl) == []


async def test_nobody_is_told_late_of_what_is_decided_or_gone(office: Office) -> None:
    post = Post()
    async with office.open(post) as (hitl, channel):
        now = office.shop.clock.now()
        run = await asked(hitl)
        post.sent.clear()
        await hitl.respond(only(run).approve(by="ann"))
        for subject in (only(run).id, "gone"):
            await hitl.store.apply(PutSlip(Slip(SlipKind.UNTOLD, subject, now, subject=subject, due=now), now))
        assert await channel.untold() == ()
        assert await untold(hitl) == []
    assert post.told == []


async def test_a_route_that_another_process_has_is_left_to_it(office: Office) -> None:
    async with office.open(Post(SendFailed("away"), SendFailed("away"))) as (hitl, _):
        await asked(hitl)
    office.shop.clock.advance(FIRST_WAIT.total_seconds())
    other, mail = Post(), Post()
    async with office.open(other, Route("team", "slack", "#approvals")) as (_, channel):
        await channel.sweep()
        assert other.told == []
    office.shop.clock.advance(PATIENCE.total_seconds())
    async with office.open(mail) as (_, channel):
        await channel.sweep()
    assert len(mail.told) == 2


async def test_without_a_directory_nobody_has_an_address(office: Office) -> None:
    office.shop.directory = None
    office.shop.policy = policy(rule("lead", level="confirm"))
    post = Post()
    async with office.open(post) as (hitl, _):
        await asked(hitl)
    assert (post.told, await office.waiting()) == ([], [])


async def test_a_route_says_nothing_of_levels_that_it_does_not_carry(office: Office) -> None:
    post = Post()
    async with office.open(post, Route("mail", "apprise", "x{address}", levels=(Level.HUMAN_LEADS,))) as (hitl, _):
        await asked(hitl)
    assert (post.told, await office.waiting()) == ([], [])


async def test_what_is_answered_before_it_is_said_is_not_said(office: Office) -> None:
    post = Post(SendFailed("away"), SendFailed("away"))
    async with office.open(post) as (hitl, channel):
        run = await asked(hitl)
        await hitl.respond(only(run).approve(by="ann"))
        office.shop.clock.advance(FIRST_WAIT.total_seconds())
        await channel.sweep()
    assert (post.told, await office.waiting()) == ([], [])


async def test_of_a_request_that_is_not_there_nothing_is_said(office: Office) -> None:
    post = Post()
    async with office.open(post) as (hitl, channel):
        now = office.shop.clock.now()
        body: dict[str, Json] = {"route": "mail", "address": "x", "more": 0, "tries": 0}
        await hitl.store.apply(PutSlip(Slip(SlipKind.MESSAGE, "k", now, subject="gone", body=body, due=now), now))
        await channel.sweep()
    assert (post.told, await office.waiting()) == ([], [])


class Fails(PeopleFile):
    async def person(self, id: str) -> Person | None:
        raise OSError("no network")


async def test_while_the_directory_fails_nobody_is_told(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    post = Post()
    async with office.open(post, Route("mail", "apprise", "x{address}", digest=timedelta(hours=1))) as (hitl, channel):
        await asked(hitl)
        office.shop.clock.advance(hours=1)
        assert isinstance(office.shop.directory, PeopleFile)
        channel._around = Around(hitl.store, office.shop.clock, Fails(office.shop.directory.path), "https://x")
        with caplog.at_level(logging.ERROR, "hitl_core"):
            await channel.sweep()
    assert post.told == []
    assert "cannot say who 'ann' is" in caplog.text


async def test_what_is_due_is_sent_however_much_it_is(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "AT_ONCE", 1)
    post = Post()
    async with office.open(post) as (hitl, _):
        await asked(hitl)
    assert len(post.told) == 2

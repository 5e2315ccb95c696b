"""E-mail over real SMTP, and the link in it: it shows, it decides once, and it explains itself afterwards."""

from __future__ import annotations

import re

import httpx
import pytest

from hitl_core.channels.messages import Route
from hitl_core.channels.messages.outbox import FIRST_WAIT
from hitl_core.errors import AlreadyDecided
from hitl_core.protocol import AuditEvent, RunState
from tests.core.shop import only, trail
from tests.server.messages.office import URL, Office, asked
from tests.server.messages.wires import Mailbox, mailbox

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd")


def route(post: Mailbox, **more: object) -> Route:
    to = f"mailto://127.0.0.1:{post.port}?from=hitl@example.com&to={{address}}&mode=insecure"
    return Route("mail", "apprise", to, **more)  # type: ignore[arg-type]  # what a test is about


def link_in(post: Mailbox) -> str:
    """The path of the link in the one mail that came."""
    ((to, mail),) = post.mails
    assert to == ("ann@example.com",)
    body = mail.get_body(("plain", "html"))
    assert body is not None
    (link,) = re.findall(rf"{re.escape(URL)}(/l/[\w-]+)", body.get_content())
    return str(link)


def decides(page: httpx.Response) -> bool:
    """Whether the page offers a decision."""
    return 'name="reply"' in page.text


async def test_a_mail_says_what_will_happen_and_its_link_decides_once(office: Office) -> None:
    with mailbox() as post:
        async with office.open(route(post)) as (hitl, browser):
            run = await asked(hitl)
            request, link = only(run), link_in(post)
            assert request.title in post.mails[0][1]["subject"]
            for _ in range(3):  # scanners look at it, with HEAD and GET
                await browser.head(link)
                page = await browser.get(link)
            assert page.status_code == 200
            assert decides(page)
            assert "A-1042" in page.text
            assert "counts at once" in page.text
            assert (await hitl.run(run.id)).state is RunState.PAUSED
            said = await browser.post(link, data={"reply": "approve"})
            assert said.status_code == 303
            assert not decides(await browser.get(said.headers["location"]))
            assert (await hitl.resume(run.id)).state is RunState.COMPLETED
            decided = (await hitl.request(request.id)).response
            assert decided is not None
            assert (decided.responder.id, decided.responder.channel) == ("ann", "mail")
            assert decided.responder.authenticated_by == "link"
            assert len(await trail(hitl, AuditEvent.LINK_USED)) == 1
            again = await browser.post(link, data={"reply": "reject", "text": "no"})
            assert "was used" in again.text
    assert office.shop.ledger.count() == 1


async def test_a_reason_reaches_the_agent(office: Office) -> None:
    with mailbox() as post:
        async with office.open(route(post)) as (hitl, browser):
            run = await asked(hitl)
            await browser.post(link_in(post), data={"reply": "reject", "text": "Too much money."})
            assert "Too much money." in str((await hitl.resume(run.id)).output)
    assert office.shop.ledger.count() == 0


async def test_a_link_whose_request_is_decided_says_so(office: Office) -> None:
    with mailbox() as post:
        async with office.open(route(post)) as (hitl, browser):
            run = await asked(hitl)
            link = link_in(post)
            await hitl.respond(only(run).reject("no", by="ann"))
            for page in (await browser.get(link), await browser.post(link, data={"reply": "approve"})):
                assert "This is decided" in page.text
                assert not decides(page)
            await hitl.resume(run.id)
    assert office.shop.ledger.count() == 0


@pytest.mark.parametrize("secret", ["nonsense", "x" * 500, "%2e%2e", "\u202e"])
async def test_a_link_that_is_none_says_so(office: Office, secret: str) -> None:
    with mailbox() as post:
        async with office.open(route(post)) as (_, browser):
            for page in (
                await browser.get(f"/l/{secret}"),
                await browser.post(f"/l/{secret}", data={"reply": "approve"}),
            ):
                assert page.status_code == 404


async def test_a_link_ends(office: Office) -> None:
    with mailbox() as post:
        async with office.open(route(post)) as (hitl, browser):
            run = await asked(hitl)
            link = link_in(post)
            office.shop.clock.advance(days=3)
            page = await browser.post(link, data={"reply": "approve"})
            assert page.status_code == 404
            assert "does not count" in page.text
            assert (await hitl.run(run.id)).state is RunState.PAUSED


async def test_whoever_has_left_the_house_decides_nothing(office: Office) -> None:
    with mailbox() as post:
        async with office.open(route(post)) as (hitl, browser):
            await asked(hitl)
            link = link_in(post)
            office.shop.people("[people.ben]\n")
            async with office.open() as (other, elsewhere):
                page = await elsewhere.post(link, data={"reply": "approve"})
                assert page.status_code == 404
                assert len((await other.inbox()).items) == 1
            assert browser is not None


async def test_only_what_is_offered_can_be_said(office: Office) -> None:
    with mailbox() as post:
        async with office.open(route(post)) as (hitl, browser):
            run = await asked(hitl)
            for reply in ("edit", "delegate", "take_over", "approved", ""):
                page = await browser.post(link_in(post), data={"reply": reply})
                assert page.status_code == 422, reply
            assert (await hitl.run(run.id)).state is RunState.PAUSED


async def test_the_second_of_two_presses_changes_nothing(office: Office) -> None:
    with mailbox() as post:
        async with office.open(route(post)) as (hitl, browser):
            run = await asked(hitl)
            link = link_in(post)
            await hitl.respond(only(run).approve(by="ann"))
            with pytest.raises(AlreadyDecided):
                await hitl.respond(only(run).reject(by="ann"))
            await browser.post(link, data={"reply": "reject"})
            await hitl.resume(run.id)
    assert office.shop.ledger.count() == 1


async def test_a_mail_server_that_is_away_is_tried_again(office: Office) -> None:
    with mailbox() as post:
        post.answers.append("451 later")
        async with office.open(route(post)) as (hitl, _):
            await asked(hitl)
            assert post.mails == []
            office.shop.clock.advance(FIRST_WAIT.total_seconds())
            await hitl.tick()
            await hitl._announcer.close()
            link_in(post)


async def test_a_link_that_may_not_decide_leads_to_the_inbox(office: Office) -> None:
    with mailbox() as post:
        async with office.open(route(post, decide=False)) as (hitl, _):
            run = await asked(hitl)
            body = post.mails[0][1].get_body(("plain", "html"))
            assert body is not None
            assert f"{URL}/requests/{only(run).id}" in body.get_content()
            assert "/l/" not in body.get_content()


async def test_a_link_from_before_decides_nothing_where_none_may_any_more(office: Office) -> None:
    with mailbox() as post:
        async with office.open(route(post)) as (hitl, _):
            run = await asked(hitl)
            link = link_in(post)
        for routes in ((route(post, decide=False),), ()):
            async with office.open(*routes) as (hitl, browser):
                for page in (await browser.get(link), await browser.post(link, data={"reply": "approve"})):
                    assert "only shows the way" in page.text
                    assert not decides(page)
                assert (await hitl.run(run.id)).state is RunState.PAUSED


async def test_whoever_may_decide_no_more_is_not_shown_what_it_is_about(office: Office) -> None:
    with mailbox() as post:
        async with office.open(route(post)) as (hitl, _):
            await asked(hitl)
            link = link_in(post)
        office.shop.people('[people.ann]\nroles = ["guest"]\n[people.ben]\nroles = ["lead"]\n')
        async with office.open(route(post)) as (_, browser):
            for page in (await browser.get(link), await browser.post(link, data={"reply": "approve"})):
                assert not decides(page)
                assert "A-1042" not in page.text


async def test_an_address_does_not_reach_beyond_its_place(office: Office) -> None:
    """In the URL of Apprise `&` and `?` begin something else: another recipient, another server."""
    office.shop.people('[people.ann]\nroles = ["lead"]\naddresses = { mail = "ann@example.com&to=eve@example.com" }\n')
    with mailbox() as post:
        async with office.open(route(post)) as (hitl, _):
            await asked(hitl)
    assert [to for to, _ in post.mails if "eve@example.com" in to] == []

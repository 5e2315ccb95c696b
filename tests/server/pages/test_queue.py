"""The queue: what waits, in which order, narrowed how; and many decided together."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import PauseRequest, Preview
from hitl_core.server.pages.filters import in_brief
from tests.core.shop import App, Ledger, policy, rule
from tests.server.pages.browser import Page
from tests.server.pages.desk import Desk, at_desk
from tests.server.site import somebody

POLICY = policy(
    rule("large", when={"argument": "amount", "above": 100}, level="human_leads", deadline="2h"),
    rule("small", level="confirm", batch=True, deadline="30m"),
    '[[rules]]\nid = "mail"\nwhy = "mail"\nmatch = { tool = "mail" }\nlevel = "confirm"\n',
)


def desk_app(ledger: Ledger) -> App:
    @gate.guard(reversible=True, preview=lambda a: Preview(effect=f"Pay {a['amount']} EUR", reversible=True))
    async def refund(order: str, amount: float) -> str:
        ledger.write("refund", order=order, amount=amount)
        return "paid"

    @gate.guard()
    async def mail(to: str) -> str:
        ledger.write("mail", to=to)
        return "sent"

    async def app(input: Any) -> Any:
        try:
            return await (mail(input["to"]) if "to" in input else refund("A-1", input["amount"]))
        except Refused as exc:
            return str(exc)

    return app


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with at_desk(tmp_path, desk_app, policy=POLICY) as opened:
        yield opened


async def filled(desk: Desk) -> tuple[PauseRequest, PauseRequest, PauseRequest]:
    """A mail without a deadline, a large refund, a small one that is due first."""
    asked = [await desk.ask(each) for each in ({"to": "mira"}, {"amount": 500}, {"amount": 20})]
    return asked[0], asked[1], asked[2]


def listed(page: Page) -> list[str]:
    opened = [has["href"] for tag, has in page.tags if tag == "a" and "data-open" in has]
    return [href.removeprefix("/requests/") for href in opened]


async def test_an_empty_queue_says_what_to_do(desk: Desk) -> None:
    page = await desk.browser.open("/")
    assert "Nothing waits for you" in page.text
    assert "hitl demo" in page.text


async def test_a_row_says_what_will_happen_why_and_until_when(desk: Desk) -> None:
    await filled(desk)
    text = (await desk.browser.open("/")).text
    for said in ("Pay 500 EUR", "large says so", "human leads", "in 2 h", "in 30 min", "no deadline"):
        assert said in text
    assert "to mira" in text  # without a preview, two calls of one tool can still be told apart


def test_arguments_in_brief() -> None:
    assert in_brief({"order": "A-7", "amount": 20.5, "to": ["a"]}) == 'order A-7, amount 20.5, to ["a"]'
    assert in_brief({"text": "x" * 500}) == f"text {'x' * 115}…"


async def test_it_is_sorted_by_deadline_risk_or_arrival(desk: Desk) -> None:
    mail, large, small = (each.id for each in await filled(desk))
    assert listed(await desk.browser.open("/")) == [small, large, mail]
    assert listed(await desk.browser.open("/?sort=risk")) == [large, mail, small]
    assert listed(await desk.browser.open("/?sort=arrival")) == [mail, large, small]
    assert listed(await desk.browser.open("/?sort=nonsense&group=nonsense&level=9")) == [small, large, mail]


async def test_it_is_narrowed_by_each_filter(desk: Desk) -> None:
    mail, large, small = (each.id for each in await filled(desk))
    expected = {
        "level=human_leads": [large],
        "kind=input": [],
        "tool=mail": [mail],
        "rule=small": [small],
        "q=MIRA": [mail],
        "q=500": [large],
        "agent=nobody": [],
    }
    for query, found in expected.items():
        assert listed(await desk.browser.open(f"/?{query}")) == found, query
    assert "Nothing matches" in (await desk.browser.open("/?kind=input")).text


async def test_counts_by_level_are_of_what_waits(desk: Desk) -> None:
    await filled(desk)
    assert re.search(r"level human leads 1 level confirm 2", (await desk.browser.open("/")).text)


async def test_it_is_grouped(desk: Desk) -> None:
    await filled(desk)
    page = await desk.browser.open("/?group=tool")
    assert re.search(r"tool refund 2 .* tool mail 1", page.text)


async def test_pages_follow_each_other_to_the_end(desk: Desk) -> None:
    asked = [(await desk.ask({"amount": 20 + each})).id for each in range(23)]
    first = await desk.browser.open("/?sort=arrival")
    (after,) = [href for href in first.having("href") if "cursor=" in href]
    second = await desk.browser.open(after)
    assert listed(first) + listed(second) == asked


async def test_a_cursor_of_nobody_s_is_refused(desk: Desk) -> None:
    assert (await desk.browser.open("/?cursor=x.1.2")).status == 422


async def test_the_list_is_sent_again_only_when_it_has_changed(desk: Desk) -> None:
    await filled(desk)
    page = await desk.browser.open("/")
    (news,) = [each for each in page.having("hx-get") if "/queue" in each]
    assert (await desk.browser.client.get(news)).status_code == 204
    await desk.ask({"to": "jonas"})
    changed = await desk.browser.open(news)
    assert len(listed(changed)) == 4
    assert not [tag for tag, _ in changed.tags if tag == "html"], "only the list"


async def test_everybody_sees_what_they_may_decide(tmp_path: Path) -> None:
    lead = policy(rule("leads", level="confirm", approvers={"roles": ["lead"]}))
    async with at_desk(tmp_path, desk_app, policy=lead) as desk:
        request = await desk.ask({"amount": 20})
        assert listed(await desk.browser.open("/")) == []
        desk.door.now = somebody("bea", roles=("lead",))
        assert listed(await desk.browser.open("/")) == [request.id]


# ── together ─────────────────────────────────────────────────────────────────────────────────────────────────


async def together(desk: Desk, *requests: PauseRequest) -> Page:
    picks = [request.id for request in requests]
    return Page(await desk.browser.client.post("/batch", data={"csrf": "csrf-of-ann", "pick": picks}))


async def test_many_are_decided_together_with_exceptions(desk: Desk) -> None:
    asked = [await desk.ask({"amount": amount}) for amount in (10, 20, 30)]
    page = await together(desk, *asked)
    for amount in (10, 20, 30):
        assert f"Pay {amount} EUR" in page.text
    exceptions = {f"say:{asked[1].id}": "reject", f"say:{asked[2].id}": "out"}
    done = await desk.browser.send(
        page.form(action="/batch/give"), decision="approve", message="not this one", **exceptions
    )
    assert "2 of 2 answers were taken" in done.text
    assert (await desk.browser.open(done.url)).text == done.text
    settled = [await desk.hitl.request(each.id) for each in asked]
    assert [each.state for each in settled] == [RequestState.DECIDED, RequestState.DECIDED, RequestState.OPEN]
    said = [each.response for each in settled[:2] if each.response]
    assert [each.decision.type for each in said] == ["approve", "reject"]
    assert len({each.batch for each in said}) == 1
    desk.come("eve")
    assert (await desk.browser.open(done.url)).status == 404


async def test_what_differs_is_not_approved_together(desk: Desk) -> None:
    mail, large, small = await filled(desk)
    page = await together(desk, mail, large, small)
    assert "They are about several things" in page.text
    refused = await desk.browser.send(page.form(action="/batch/give"), decision="approve")
    assert refused.status == 422
    assert [(await desk.hitl.request(each.id)).state for each in (mail, large, small)] == [RequestState.OPEN] * 3


async def test_one_that_somebody_else_has_decided_meanwhile_leaves_the_others(desk: Desk) -> None:
    asked = [await desk.ask({"amount": amount}) for amount in (10, 20)]
    form = (await together(desk, *asked)).form(action="/batch/give")
    await desk.hitl.respond(asked[0].reject("no", by="bea"))
    done = await desk.browser.send(form, decision="approve")
    assert "1 of 1 answers were taken" in done.text


async def test_nothing_chosen_is_nothing_decided(desk: Desk) -> None:
    assert "Nothing is chosen" in (await together(desk)).text
    asked = await desk.ask({"amount": 10})
    page = await together(desk, asked)
    form = page.form(action="/batch/give")
    assert (await desk.browser.send(form)).status == 422
    left = await desk.browser.send(form, decision="approve", **{f"say:{asked.id}": "out"})
    assert "all of them are left out" in left.text


async def test_what_is_put_off_comes_back(desk: Desk) -> None:
    mail, *_ = await filled(desk)
    now = desk.shop.clock.now()
    await desk.hitl.defer(mail.id, until=now + timedelta(minutes=10), by="ann")
    assert mail.id not in listed(await desk.browser.open("/"))
    assert listed(await desk.browser.open("/?show=later")) == [mail.id]
    desk.shop.clock.advance(601)
    assert mail.id in listed(await desk.browser.open("/"))

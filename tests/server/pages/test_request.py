"""The page of one request: what it shows, and each decision as a browser without a script sends it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hitl_adapters.plain import Refused, gate
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import ClientTool, Preview, RunState
from tests.core.shop import App, Ledger, one_refund, only, policy, rule
from tests.server.pages.desk import Desk, at_desk


def shown(arguments: dict[str, Any]) -> Preview:
    return Preview(
        effect=f"Pay back {arguments['amount']} EUR",
        target="Mira Osei",
        cost=f"{arguments['amount']} EUR",
        reversible=False,
        diff="- open\n+ refunded",
        warnings=("The parcel is not back.",),
    )


def refunds(ledger: Ledger) -> App:
    return one_refund(ledger, preview=shown, reversible=False)


class Line(BaseModel):
    sku: str
    count: int


def orders(ledger: Ledger) -> App:
    @gate.guard(title="Order")
    async def order(lines: list[Line]) -> str:
        ledger.write("order", lines=[each.model_dump() for each in lines])
        return "ordered"

    async def app(input: Any) -> Any:
        return await order([Line(sku="a", count=1), Line(sku="b", count=2)])

    return app


def asks(ledger: Ledger) -> App:
    async def app(input: Any) -> Any:
        try:
            return await gate.ask("Is it to come back?")
        except Refused as exc:
            return f"refused: {exc}"

    return app


def picks(ledger: Ledger) -> App:
    async def app(input: Any) -> Any:
        return await gate.ask_page("pickColour", {"of": ["red", "blue"]})

    return app


def chooses(ledger: Ledger) -> App:
    async def app(input: Any) -> Any:
        return await gate.choose("Who picks it up?", ["post", "courier"])

    return app


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with at_desk(tmp_path, refunds) as opened:
        yield opened


async def test_it_shows_what_will_happen_and_why_before_anything_else(desk: Desk) -> None:
    request = await desk.ask(by="bob")
    page = await desk.open(request)
    assert page.status == 200
    text = page.text
    for said in ("Pay back 120.5 EUR", "Mira Osei", "cannot be undone", "The parcel is not back.", "A-1042", "120.5"):
        assert said in text
    assert "No rule of the policy is about this action" in text
    assert "not bob, who started the run" in text
    assert text.index("Pay back 120.5 EUR") < text.index("A-1042") < text.index("Why it was asked")
    assert {"add", "del"} <= set(page.having("class"))
    assert page.offered == {*request.allowed, "delegate"}


async def test_approved_and_given_it_runs_once_as_shown(desk: Desk) -> None:
    request = await desk.ask()
    page = await desk.decide(request, "approve")
    assert page.url.endswith("/")
    assert "You have approved" in page.text
    assert (await desk.hitl.request(request.id)).state is RequestState.OPEN
    run = await desk.done(request)
    assert run.state is RunState.COMPLETED
    assert [line["amount"] for line in desk.shop.ledger.lines("refund")] == [120.5]
    settled = await desk.hitl.request(request.id)
    assert settled.response is not None
    assert (settled.response.responder.id, settled.response.responder.channel) == ("ann", "web")
    assert "ann has approved this" in (await desk.open(request)).text


async def test_edited_arguments_keep_their_types(desk: Desk) -> None:
    request = await desk.ask()
    await desk.decide(request, "edit", **{"arguments/amount": "99", "reason": "half of it"})
    await desk.done(request)
    (line,) = desk.shop.ledger.lines("refund")
    assert (line["order"], line["amount"]) == ("A-1042", 99)


async def test_what_cannot_be_read_comes_back_beside_its_field_with_what_was_typed(desk: Desk) -> None:
    request = await desk.ask()
    page = await desk.decide(request, "edit", **{"arguments/amount": "1,5", "reason": "so that"})
    assert page.status == 422
    form = page.form("edit")
    assert (form.fields["arguments/amount"], form.fields["reason"]) == ("1,5", "so that")
    assert "'1,5' is not a number" in page.text
    faulty = [has for tag, has in page.tags if tag == "input" and has.get("aria-invalid")]
    assert [has["name"] for has in faulty] == ["arguments/amount"]
    assert faulty[0]["aria-describedby"] in page.having("id")
    assert await desk.give() == 0


async def test_an_edit_that_changes_nothing_is_no_edit(desk: Desk) -> None:
    page = await desk.decide(await desk.ask(), "edit")
    assert page.status == 422
    assert "nothing was changed" in page.text


async def test_what_an_edit_would_do_is_shown_by_the_tool_and_nothing_is_decided(desk: Desk) -> None:
    request = await desk.ask()
    form = (await desk.open(request)).form("edit")
    form.action = f"/requests/{request.id}/preview"
    page = await desk.browser.send(form, **{"arguments/amount": "80.25"})
    assert "Pay back 80.25 EUR" in page.text
    assert page.form("edit").fields["arguments/amount"] == "80.25"
    assert await desk.give() == 0


def ships(ledger: Ledger) -> App:
    @gate.guard(title="Ship")
    async def ship(to: dict[str, str], lines: list[dict[str, int]]) -> str:
        ledger.write("ship", to=to, lines=lines)
        return "shipped"

    async def app(input: Any) -> Any:
        return await ship({"city": "Köln", "zip": "50668"}, [{"lamp": 1}, {"bulb": 4}])

    return app


async def test_of_a_nested_argument_the_places_that_change_are_shown_and_no_others(tmp_path: Path) -> None:
    async with at_desk(tmp_path, ships) as desk:
        request = await desk.ask()
        form = (await desk.open(request)).form("edit")
        form.action = f"/requests/{request.id}/preview"
        typed = {"arguments/to": '{"city": "Köln", "zip": "10115"}', "arguments/lines/1": '{"bulb": 4.0}'}
        page = await desk.browser.send(form, **typed)
        said = page.text.partition("With your changes")[2].partition("Why")[0]
        for place in ("to.zip", "50668", "10115", "lines[1].bulb", "4.0"):
            assert place in said
        assert "Köln" not in said
        assert "lamp" not in said


async def test_a_row_of_the_queue_reads_as_people_write(tmp_path: Path) -> None:
    async with at_desk(tmp_path, ships) as desk:
        await desk.ask()
        assert '"city": "Köln"' in (await desk.browser.open("/")).text


async def test_an_object_is_taken_out_of_a_list_by_its_box(tmp_path: Path) -> None:
    async with at_desk(tmp_path, orders) as desk:
        request = await desk.ask()
        page = await desk.open(request)
        assert "arguments/lines/0:out" in page.having("name")
        await desk.decide(request, "edit", **{"arguments/lines/0:out": "1"})
        await desk.done(request)
        assert [line["lines"] for line in desk.shop.ledger.lines("order")] == [[{"sku": "b", "count": 2}]]


async def test_an_edit_that_the_policy_forbids_is_refused_at_once(tmp_path: Path) -> None:
    little = rule("little", when={"argument": "amount", "at_most": 200}, level="confirm")
    much = rule("much", when={"argument": "amount", "above": 200}, effect="deny")
    async with at_desk(tmp_path, refunds, policy=policy(little, much)) as desk:
        page = await desk.decide(await desk.ask(), "edit", **{"arguments/amount": "500"})
        assert page.status == 422
        assert "the policy forbids the edited call" in page.text
        assert page.form("edit").fields["arguments/amount"] == "500"


async def test_a_rejection_says_why_to_the_agent(desk: Desk) -> None:
    request = await desk.ask()
    await desk.decide(request, "reject", message="it is a lamp\r\nnot a desk")
    run = await desk.done(request)
    assert isinstance(run.output, dict)
    assert "Reason: it is a lamp\nnot a desk." in str(run.output["said"])
    assert desk.shop.ledger.count() == 0


async def test_a_call_is_answered_in_its_place(desk: Desk) -> None:
    request = await desk.ask()
    await desk.decide(request, "answer", value="paid in cash")
    run = await desk.done(request)
    assert "paid in cash" in str(run.output)
    assert desk.shop.ledger.count() == 0


async def test_a_question_is_answered(tmp_path: Path) -> None:
    async with at_desk(tmp_path, asks) as desk:
        request = await desk.ask()
        empty = await desk.decide(request, "answer", value="  ")
        assert empty.status == 422
        await desk.decide(request, "answer", value="yes, please")
        assert (await desk.done(request)).output == "yes, please"


async def test_one_of_the_options_is_chosen_with_a_digit(tmp_path: Path) -> None:
    async with at_desk(tmp_path, chooses) as desk:
        request = await desk.ask()
        page = await desk.open(request)
        forms = [each for each in page.forms if each.decision == "choose"]
        assert [each.buttons[0]["data-key"] for each in forms] == ["1", "2"]
        assert "call" not in page.having("id"), "the title and the buttons say all of it"
        assert (await desk.browser.send(forms[0])).status == 422
        await desk.browser.send(forms[1], option=forms[1].buttons[0]["value"])
        assert (await desk.done(request)).output == "courier"


async def test_the_agent_is_asked_first(desk: Desk) -> None:
    request = await desk.ask()
    assert (await desk.decide(request, "ask", question=" ")).status == 422
    await desk.decide(request, "ask", question="Why so much?")
    await desk.give()
    settled = await desk.hitl.request(request.id)
    assert settled.response is not None
    assert settled.response.decision.type == "ask"


async def test_it_is_given_on_and_then_is_another_person_s(tmp_path: Path) -> None:
    async with at_desk(
        tmp_path, refunds, policy=policy(rule("people", level="confirm", approvers={"users": ["ann"]}))
    ) as desk:
        request = await desk.ask()
        assert (await desk.decide(request, "delegate", to="")).status == 422
        await desk.decide(request, "delegate", to="bea")
        await desk.give()
        page = await desk.open(request)
        assert "You may not decide this." in page.text
        assert page.offered == set()
        desk.come("bea")
        assert "approve" in (await desk.open(request)).offered


PEOPLE = """
[people.ann]
[people.bea]
name = "Bea Berg"
[people.cy]
away = [{ from = 2026-01-01, until = 2026-02-01 }]
[people.eve]
tenant = "bank"
"""


async def test_those_to_whom_it_may_be_given_on_are_offered(tmp_path: Path) -> None:
    async with at_desk(tmp_path, refunds, people=PEOPLE) as desk:
        request = await desk.ask()
        page = await desk.open(request)
        offered = {each.attributes["value"]: each.text for each in page.all("option") if "value" in each.attributes}
        assert {"bea": "Bea Berg", "cy": ", away"}.items() <= offered.items()
        assert not {"ann", "eve"} & set(offered)
        refused = await desk.decide(request, "delegate", to="nobody")
        assert "'nobody' is not in the directory of people; have them added, or name somebody else" in refused.text


async def test_where_people_lead_they_report(tmp_path: Path) -> None:
    async with at_desk(tmp_path, refunds, policy=policy(rule("people", level="human_leads"))) as desk:
        request = await desk.ask()
        assert "outcome is not said" in (await desk.decide(request, "report")).text
        page = await desk.decide(request, "report", outcome="partly", note="")
        assert page.status == 422
        await desk.decide(request, "report", outcome="done", result="paid by hand", note="at the bank")
        run = await desk.done(request)
        assert "paid by hand" in str(run.output)
        assert desk.shop.ledger.count() == 0


async def test_the_run_is_ended_only_by_who_says_that_twice(desk: Desk) -> None:
    request = await desk.ask()
    page = await desk.decide(request, "cancel", reason="a mistake")
    assert page.status == 422
    assert page.form("cancel").fields["reason"] == "a mistake"
    await desk.decide(request, "cancel", reason="a mistake", sure="1")
    await desk.give()
    assert (await desk.hitl.run(request.run_id)).state is RunState.CANCELLED


async def test_it_is_put_off(desk: Desk) -> None:
    request = await desk.ask()
    form = (await desk.open(request)).form(action="/defer")
    assert (await desk.browser.send(form, until="tomorrow")).status == 422
    page = await desk.browser.send(form, hours="4")
    assert "Nothing waits for you" in page.text
    assert request.id in (await desk.browser.open("/?show=later")).html


async def test_what_is_said_beside_deciding_stands_there(desk: Desk) -> None:
    request = await desk.ask()
    await desk.hitl.comment(request.id, "looks fine", by="checker", machine=True)
    form = (await desk.open(request)).form(action="/comment")
    assert (await desk.browser.send(form, comment=" ")).status == 422
    page = await desk.browser.send(form, comment="I know them")
    assert "I know them" in page.text
    assert "checker says unverified looks fine" in page.text


async def test_only_what_is_offered_can_be_said(desk: Desk) -> None:
    request = await desk.ask()
    form = (await desk.open(request)).form("approve")
    page = await desk.browser.send(form, decision="accept")
    assert page.status == 422
    assert "is not offered here" in page.text
    assert (await desk.browser.send(form, decision="no such")).status == 422
    assert await desk.give() == 0


async def test_an_answer_to_something_else_than_was_shown_is_refused(desk: Desk) -> None:
    request = await desk.ask()
    form = (await desk.open(request)).form("approve")
    page = await desk.browser.send(form, digest="sha256:" + "0" * 64)
    assert page.status == 422
    assert "is not the digest of the action" in page.text
    assert await desk.give() == 0


async def test_what_is_another_tenant_s_is_not_there(desk: Desk) -> None:
    request = await desk.ask()
    form = (await desk.open(request)).form("approve")
    desk.come("eve", tenant="elsewhere")
    form.fields["csrf"] = "csrf-of-eve"
    assert (await desk.open(request)).status == 404
    assert (await desk.browser.send(form)).status == 404
    unknown = await desk.browser.open("/requests/unknown")
    assert unknown.status == 404


async def test_a_client_tool_can_be_answered_in_words(tmp_path: Path) -> None:
    """Whoever started the run is not there: anybody who may can say what came of it."""
    tool = ClientTool(name="pickColour", description="Let the user pick a colour.")
    async with at_desk(tmp_path, picks) as desk:
        run = await desk.hitl.start({}, tools=(tool,))
        request = only(run)
        page = await desk.open(request)
        assert "Let the user pick a colour." in page.text
        await desk.decide(request, "answer", value="the blue one")
        assert (await desk.done(request)).output == "the blue one"

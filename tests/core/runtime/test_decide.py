"""Promises P01-P12: what each decision does, seen by its effects."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.errors import ResponseRefused
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Arguments, EffectMode, Kind, Level, PauseRequest, Preview, Reply, RunState
from tests.core.shop import Shop, decide, one_refund, only, policy, refund_tool, rule, trail

SMALL_IS_FREE = rule("small", when={"argument": "amount", "at_most": 200}, level="confirm")
LARGE_IS_DENIED = rule("large", when={"argument": "amount", "above": 500}, effect="deny")
MIDDLE_NEEDS_MORE = rule("middle", when={"argument": "amount", "above": 200}, level="collaborate")


class Told:
    """A channel that remembers what it announced."""

    name = "told"

    def __init__(self) -> None:
        self.requests: list[PauseRequest] = []

    async def announce(self, request: PauseRequest) -> None:
        self.requests.append(request)


async def test_p01_nothing_gated_runs_before_a_valid_decision(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        assert (run.state, shop.ledger.count()) == (RunState.PAUSED, 0)
        assert await hitl.resume(run.id) == run
        with pytest.raises(ResponseRefused):
            await hitl.respond(only(run).choose("yes", by="ann"))
        await hitl.resume(run.id)
    assert shop.ledger.count() == 0


async def test_p02_approve_runs_once_with_exactly_the_arguments_shown(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({"order": "A-7", "amount": 99.5})
        assert only(run).action.arguments == {"order": "A-7", "amount": 99.5}
        run = await decide(hitl, run, "approve")
    assert (run.state, run.output) == (RunState.COMPLETED, {"said": "paid 99.5", "notes": []})
    assert [(line["order"], line["amount"]) for line in shop.ledger.lines()] == [("A-7", 99.5)]


async def test_p03_edit_runs_once_with_the_edited_arguments_and_the_model_is_told(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        run = await decide(hitl, run, "edit", {"order": "A-1042", "amount": 90}, reason="90 is the limit")
    assert [line["amount"] for line in shop.ledger.lines()] == [90]
    output: Any = run.output
    assert output["said"] == "paid 90.0"
    (note,) = output["notes"]
    assert '"amount": 90' in note
    assert "90 is the limit" in note


@pytest.mark.parametrize("amount", ["90", True, None, [90]], ids=repr)
async def test_p03_an_edit_keeps_the_types_of_the_tool(shop: Shop, amount: Any) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(ResponseRefused, match=r"arguments\.amount"):
            await hitl.respond(only(run).edit({"order": "A-1042", "amount": amount}, by="ann"))
        run = await decide(hitl, run, "approve")
    assert [line["amount"] for line in shop.ledger.lines()] == [120.5]


@pytest.mark.parametrize(
    ("amount", "fault"),
    [(900, "the policy forbids the edited call (large: large says so)"), (300, "needs level collaborate (middle")],
)
async def test_p03_the_edited_action_goes_through_the_policy_again(shop: Shop, amount: float, fault: str) -> None:
    shop.policy = policy(SMALL_IS_FREE, MIDDLE_NEEDS_MORE, LARGE_IS_DENIED)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(ResponseRefused) as refused:
            await hitl.respond(only(run).edit({"order": "A-1042", "amount": amount}, by="ann"))
        assert fault in str(refused.value)
        assert (await hitl.request(only(run).id)).state is RequestState.OPEN
        await decide(hitl, run, "approve")
    assert [line["amount"] for line in shop.ledger.lines()] == [120.5]


async def test_p03_an_edit_needs_those_who_may_approve_the_edited_action(shop: Shop) -> None:
    lead = {"roles": ["lead"]}
    shop.policy = policy(
        SMALL_IS_FREE,
        rule("more", when={"argument": "amount", "above": 200}, level="confirm", approvers=lead),
    )
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        edited: Arguments = {"order": "A-1042", "amount": 300}
        with pytest.raises(ResponseRefused, match="it needs role lead"):
            await hitl.respond(only(run).edit(edited, by="ann"))
        await decide(hitl, run, "edit", edited, roles=("lead",))
    assert [line["amount"] for line in shop.ledger.lines()] == [300]


async def test_an_edit_can_be_previewed_by_the_tools_own_code(shop: Shop) -> None:
    def shown(arguments: Arguments) -> Preview:
        return Preview(effect=f"Pay {arguments['amount']} back")

    @gate.guard(preview=shown)
    async def refund(order: str, amount: float) -> None: ...

    @gate.guard
    async def ship(order: str) -> None: ...

    async def app(input: Any) -> Any:
        return await gate.together(refund("A", 1.0), ship("B"))

    async with shop.open(app) as hitl:
        paid, shipped = (await hitl.start(None)).pending
        assert await hitl.preview(paid, {"order": "A", "amount": 90}) == Preview(effect="Pay 90 back")
        assert await hitl.preview(shipped, {"order": "C"}) is None


async def test_p04_reject_never_runs_and_the_reason_reaches_the_agent(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await decide(hitl, await hitl.start(None), "reject", "the parcel arrived")
    output: Any = run.output
    assert "the parcel arrived" in output["said"]
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, 0)


async def test_p05_respond_does_not_run_the_tool_and_the_words_are_its_result(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await decide(hitl, await hitl.start(None), "answer", {"voucher": 20})
    assert run.output == {"said": {"voucher": 20}, "notes": []}
    assert shop.ledger.count() == 0


async def test_p06_a_question_goes_out_and_free_text_comes_back(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        return await gate.ask("Why is it due?")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert (only(run).kind, only(run).title) == (Kind.INPUT, "Why is it due?")
        run = await decide(hitl, run, "answer", "the parcel was empty")
    assert run.output == "the parcel was empty"


async def test_p06_a_question_can_be_refused_too(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        try:
            return await gate.ask("Why is it due?")
        except Refused as exc:
            return f"nobody says: {exc}"

    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.start(None), "reject", "ask the carrier")
    assert "ask the carrier" in str(run.output)


async def test_p07_only_an_offered_option_is_accepted(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        return await gate.choose("Which carrier?", ["dhl", "ups"])

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        with pytest.raises(ResponseRefused, match="'fedex' was not offered"):
            await hitl.respond(only(run).choose("fedex", by="ann"))
        run = await decide(hitl, run, "choose", "ups")
    assert run.output == "ups"


async def test_p08_review_in_as_many_rounds_as_needed(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        text, rounds = "Dear A.", 0
        while True:
            reviewed = await gate.review(text)
            if reviewed["outcome"] != "revise":
                return [reviewed["outcome"], reviewed["content"], rounds]
            text, rounds = f"{text} {reviewed['feedback']}", rounds + 1

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        for feedback in ("Thanks.", "Yours."):
            run = await decide(hitl, run, "revise", feedback)
        assert only(run).action.arguments == {"content": "Dear A. Thanks. Yours."}
        run = await decide(hitl, run, "edit", {"content": "Dear B."})
    assert run.output == ["edited", "Dear B.", 2]


async def test_p08_a_draft_is_accepted_as_it_is(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        return await gate.review("Dear A.", title="The letter")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert only(run).title == "The letter"
        run = await decide(hitl, run, "accept")
    assert run.output == {"outcome": "accepted", "content": "Dear A.", "feedback": ""}


async def test_p10_where_people_lead_the_agent_only_proposes(shop: Shop) -> None:
    shop.policy = policy(rule("led", level="human_leads"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        assert only(run).allowed == (Reply.REPORT, Reply.ASK, Reply.REJECT, Reply.CANCEL)
        with pytest.raises(ResponseRefused, match="'approve' is not offered"):
            await hitl.respond(only(run).approve(by="ann"))
        with pytest.raises(ResponseRefused, match="result"):
            await hitl.respond(only(run).report("done", 120.5, by="ann"))
        run = await decide(hitl, run, "report", "done", "paid from the till", "the slip is in the drawer")
        (line,) = [entry for entry in await trail(hitl) if entry.event == "action.reported"]
    output: Any = run.output
    assert output["said"] == "paid from the till"
    assert output["notes"] == [
        "A person has done this by hand; the tool did not run. They say: the slip is in the drawer."
    ]
    assert '"outcome":"done"' in line.body
    assert shop.ledger.count() == 0


@pytest.mark.parametrize("mode", [EffectMode.LEDGER, EffectMode.TRANSACTIONAL])
async def test_p11_notify_runs_without_waiting_and_the_notice_arrives(shop: Shop, mode: EffectMode) -> None:
    shop.policy = policy(rule("noticed", level="notify", allow_irreversible="small change"))
    told = Told()

    @gate.guard(transactional=mode is EffectMode.TRANSACTIONAL)
    def refund(order: str, transaction: Any = None) -> str:
        shop.ledger.write("refund", order=order)
        return "paid"

    def app(input: Any) -> Any:
        return refund("A-1")

    async with shop.open(app, channels=[told]) as hitl:
        run = await hitl.start(None)
        notices = (await hitl.inbox(notices=True)).items
        assert (await hitl.inbox()).items == ()
    assert (run.state, run.output, shop.ledger.count()) == (RunState.COMPLETED, "paid", 1)
    assert [(notice.kind, notice.level) for notice in told.requests] == [(Kind.NOTICE, Level.NOTIFY)]
    assert [settled.request.id for settled in notices] == [notice.id for notice in told.requests]


async def test_p11_what_runs_on_its_own_is_not_announced(shop: Shop) -> None:
    shop.policy = policy(rule("free", level="autonomous", allow_irreversible="small change"))
    told = Told()
    async with shop.open(one_refund(shop.ledger), channels=[told]) as hitl:
        run = await hitl.start(None)
    assert (run.state, shop.ledger.count(), told.requests) == (RunState.COMPLETED, 1, [])


async def test_p11_a_request_is_announced_when_it_can_be_answered(shop: Shop) -> None:
    told = Told()
    async with shop.open(one_refund(shop.ledger), channels=[told]) as hitl:
        run = await hitl.start(None)
    assert [request.id for request in told.requests] == [only(run).id]


VETO = rule("window", level="notify", veto="1h", allow_irreversible="an hour is enough to object")


async def test_p12_a_veto_window_runs_after_its_delay(shop: Shop) -> None:
    shop.policy = policy(VETO)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(minutes=59)
        assert (await hitl.wait(run.id)).state is RunState.PAUSED
        assert shop.ledger.count() == 0
        shop.clock.advance(minutes=1)
        run = await hitl.wait(run.id)
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, 1)


async def test_p12_a_veto_ends_it_before_its_delay(shop: Shop) -> None:
    shop.policy = policy(VETO)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        recorded = await hitl.respond(only(run).reject("wrong customer", by="ann"))
        assert recorded.settled.state is RequestState.VETOED
        shop.clock.advance(hours=2)
        run = await hitl.wait(run.id)
    output: Any = run.output
    assert "vetoed this call" in output["said"]
    assert "wrong customer" in output["said"]
    assert shop.ledger.count() == 0


async def test_p12_who_agrees_need_not_wait_for_the_delay(shop: Shop) -> None:
    shop.policy = policy(VETO)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await decide(hitl, await hitl.start(None), "approve")
    assert shop.ledger.count() == 1


# ── the policy may change between the question and the effect ────────────────────────────────────────────────


async def test_a_policy_that_denies_meanwhile_wins_over_an_approval(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        shop.policy = policy(rule("frozen", effect="deny"), version="2")
        run = await hitl.resume(run.id)
        assert len(await trail(hitl, "action.refused")) == 1
    output: Any = run.output
    assert (output["said"], shop.ledger.count()) == ("refused: This call is not allowed: frozen says so", 0)


async def test_a_policy_that_is_stricter_meanwhile_asks_again(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        first = only(run)
        await hitl.respond(first.approve(by="ann"))
        shop.policy = policy(rule("together", level="collaborate"), version="2")
        run = await hitl.resume(run.id)
        again = only(run)
        assert (again.call, again.round, again.level) == (first.call, 1, Level.COLLABORATE)
        assert (again.because.rule, again.because.version, again.digest) == ("together", "2", first.digest)
        assert shop.ledger.count() == 0
        await decide(hitl, run, "approve")
    assert shop.ledger.count() == 1


async def test_a_policy_that_is_looser_meanwhile_does_not_run_a_rejected_call(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).reject(by="ann"))
        shop.policy = policy(rule("free", level="autonomous", allow_irreversible="now it is"), version="2")
        await hitl.resume(run.id)
    assert shop.ledger.count() == 0


async def test_a_policy_that_is_looser_meanwhile_still_waits_for_the_answer(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.policy = policy(rule("free", level="autonomous", allow_irreversible="now it is"), version="2")
        assert (await hitl.wait(run.id)).state is RunState.PAUSED
    assert shop.ledger.count() == 0


async def test_a_denied_call_never_asks_anybody(shop: Shop) -> None:
    shop.policy = policy(rule("never", effect="deny"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        assert (await hitl.inbox()).items == ()
    output: Any = run.output
    assert (output["said"], shop.ledger.count()) == ("refused: This call is not allowed: never says so", 0)


async def test_a_denied_question_is_not_asked(shop: Shop) -> None:
    shop.policy = policy(rule("quiet", match={"tool": "ask"}, effect="deny"))

    async def app(input: Any) -> Any:
        return await gate.ask("May I?")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
    assert (run.state, run.pending) == (RunState.FAILED, ())
    assert "quiet says so" in run.error


async def test_a_question_asks_even_if_its_tool_may_run_freely(shop: Shop) -> None:
    shop.policy = policy(rule("free", match={"tool": "ask"}, level="autonomous", allow_irreversible="a question"))

    async def app(input: Any) -> Any:
        return await gate.ask("May I?")

    async with shop.open(app) as hitl:
        assert only(await hitl.start(None)).kind is Kind.INPUT


async def test_the_digest_that_was_approved_is_the_one_that_runs(shop: Shop) -> None:
    """The same place with other arguments is another action: the approval of the first does not count for it."""
    refund, amounts = refund_tool(shop.ledger), iter([100.0, 900.0, 900.0])

    async def app(input: Any) -> Any:
        return await refund("A-1", next(amounts))

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        run = await hitl.resume(run.id)
        assert (only(run).round, only(run).action.arguments["amount"]) == (1, 900.0)
        assert shop.ledger.count() == 0
        await decide(hitl, run, "approve")
    assert [line["amount"] for line in shop.ledger.lines()] == [900.0]

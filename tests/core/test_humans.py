"""Fake people: when they answer, what they do twice, what they forget; time is moved by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain import gate
from hitl_core.errors import NotAuthorised, RequestExpired
from hitl_core.protocol import RunState
from hitl_core.testing.humans import Human, answer, approve, ask, choose, edit, play, reject, report, revise, silent
from tests.core.shop import Shop, one_refund, policy, rule


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


SOON = rule("soon", level="confirm", deadline="3h")


async def played(shop: Shop, app: Any, *people: Human) -> Any:
    async with shop.open(app) as hitl:
        return await play(hitl, await hitl.start(None), *people, clock=shop.clock)


async def test_somebody_approves_after_a_while(shop: Shop) -> None:
    began = shop.clock.now()
    done = await played(shop, one_refund(shop.ledger), approve().after("2h"))
    assert (done.run.state, shop.ledger.count("refund")) == (RunState.COMPLETED, 1)
    assert (shop.clock.now() - began).total_seconds() == 7200


async def test_the_quicker_of_two_is_heard(shop: Shop) -> None:
    await played(shop, one_refund(shop.ledger), approve().after("2h"), reject("no").by("bob").after("1h"))
    assert shop.ledger.count("refund") == 0


async def test_a_double_click_is_one_decision(shop: Shop) -> None:
    done = await played(shop, one_refund(shop.ledger), approve().double_clicking())
    assert (len(done.taken), done.refused, shop.ledger.count("refund")) == (2, [], 1)


async def test_where_people_lead_somebody_does_it_and_reports(shop: Shop) -> None:
    shop.policy = policy(rule("led", level="human_leads"))
    done = await played(shop, one_refund(shop.ledger), report("done", "by hand"))
    assert (done.run.output["said"], shop.ledger.count("refund")) == ("by hand", 0)


async def test_who_asks_the_agent_first_lets_nothing_run(shop: Shop) -> None:
    done = await played(shop, one_refund(shop.ledger), ask("Which one?"))
    assert (done.run.state, shop.ledger.count("refund")) == (RunState.COMPLETED, 0)


async def test_silence_lasts_until_the_deadline(shop: Shop) -> None:
    shop.policy = policy(SOON)
    done = await played(shop, one_refund(shop.ledger), silent())
    assert (done.run.state, shop.ledger.count("refund")) == (RunState.COMPLETED, 0)


async def test_silence_without_a_deadline_leaves_the_run_paused(shop: Shop) -> None:
    done = await played(shop, one_refund(shop.ledger), silent(), approve().about("mail"))
    assert (done.run.state, shop.ledger.count("refund")) == (RunState.PAUSED, 0)


async def test_who_is_forgetful_comes_too_late(shop: Shop) -> None:
    shop.policy = policy(SOON)
    done = await played(shop, one_refund(shop.ledger), approve().forgetful())
    assert (done.run.state, shop.ledger.count("refund")) == (RunState.COMPLETED, 0)
    assert [type(each) for each in done.refused] == [RequestExpired]
    shop.policy = policy()
    again = await played(shop, one_refund(shop.ledger), approve().forgetful())
    assert again.run.state is RunState.PAUSED


async def test_a_refused_answer_is_kept_and_the_next_person_is_heard(shop: Shop) -> None:
    shop.policy = policy(rule("leads", level="confirm", approvers={"roles": ["lead"]}))
    lead = edit(amount=9.0).by("mia", roles=("lead",)).after("1h")
    done = await played(shop, one_refund(shop.ledger), approve().by("eve"), lead)
    assert [type(each) for each in done.refused] == [NotAuthorised]
    assert [line["amount"] for line in shop.ledger.lines("refund")] == [9.0]


async def test_people_answer_every_kind_of_question(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        first = await gate.review("one", name="first")
        second = await gate.review("two", name="second")
        return [first["feedback"], second["outcome"], await gate.ask("Why?"), await gate.choose("Who?", ["a", "b"])]

    people = (revise("longer").about("first"), approve().about("second"), answer("so").about("ask"), choose("b"))
    done = await played(shop, app, *people[:3], people[3].about("choose"))
    assert done.run.output == ["longer", "accepted", "so", "b"]


async def test_a_late_answer_is_refused_by_name(shop: Shop) -> None:
    """The deadline passes first; whoever answers afterwards is told so."""
    shop.policy = policy(SOON)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(hours=4)
        with pytest.raises(RequestExpired):
            await hitl.respond(run.pending[0].approve(by="ann"))

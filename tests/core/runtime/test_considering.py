"""What would come of an answer before it is given, and whose inbox is whose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hitl_core.commands import ListRequests
from hitl_core.errors import Fault, NotPermitted, RequestNotFound
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Reply, Responder
from hitl_core.runtime import faults_in, inbox_of, may_decide, record_refusal, why_not_asked
from tests.core.shop import Shop, one_refund, only, policy, rule, trail

PEOPLE = '[people.ann]\nroles = ["lead"]\n'


async def test_an_answer_without_a_fault_has_none_and_decides_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start({}))
        assert await faults_in(hitl, request.approve(by="ann")) == ()
        assert await faults_in(hitl, request.edit({"order": "A-1", "amount": 9.0}, by="ann")) == ()
        assert (await hitl.request(request.id)).state is RequestState.OPEN


async def test_every_fault_is_told_and_none_is_recorded(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.policy = policy(
        rule("little", when={"argument": "amount", "at_most": 200}, level="confirm"),
        rule("much", when={"argument": "amount", "above": 200}, effect="deny"),
    )
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start({}))
        (wrong,) = await faults_in(hitl, request.edit({"order": "A-1", "amount": "much"}, by="ann"))
        assert wrong.path == "arguments.amount"
        (forbidden,) = await faults_in(hitl, request.edit({"order": "A-1", "amount": 500.0}, by="ann"))
        assert "the policy forbids the edited call" in forbidden.problem
        assert await trail(hitl, "request.refused") == []


async def test_what_is_over_is_for_respond_to_say(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start({}))
        await hitl.respond(request.approve(by="bea"))
        assert await faults_in(hitl, request.reject("no", by="ann")) == ()
        with pytest.raises(RequestNotFound):
            await faults_in(hitl, request.model_copy(update={"id": "unknown"}).approve(by="ann"))


async def test_who_is_not_known_is_told_so(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.people(PEOPLE)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start({}))
        assert await faults_in(hitl, request.approve(by="ann")) == ()
        (fault,) = await faults_in(hitl, request.approve(by="eve"))
        assert "'eve' is not in the directory of people" in fault.problem


async def test_an_inbox_is_that_of_its_person(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        own = await inbox_of(hitl, Responder(id="ann", roles=("lead",)))
        assert own == ListRequests(users=("ann",), roles=("lead",), awake=True)
    shop.people(PEOPLE)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        known = await inbox_of(hitl, Responder(id="ann", roles=("claimed",)))
        assert known == ListRequests(users=("ann",), roles=("lead",), tenant="default", awake=True)
        with pytest.raises(NotPermitted):
            await inbox_of(hitl, Responder(id="eve"))


async def test_who_may_decide_is_known_before_they_do(tmp_path: Path) -> None:
    """One has no role for it and one is not known; so too where nobody can say yes, but no."""
    shop = Shop(tmp_path)
    shop.policy = policy(rule("leads", level="confirm", approvers={"roles": ["lead"]}))
    shop.people(f'{PEOPLE}[people.bob]\nroles = ["clerk"]\n')
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start({}))
        for asked in (request, request.model_copy(update={"allowed": (Reply.REJECT,)})):
            may = [await may_decide(hitl, asked, Responder(id=id), tenant="default") for id in ("ann", "bob", "eve")]
            assert may == [True, False, False]
        assert (await hitl.request(request.id)).state is RequestState.OPEN
        assert await trail(hitl, "request.refused") == []


async def test_who_is_not_asked_is_told_why_before_they_answer(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.policy = policy(rule("leads", level="confirm", approvers={"roles": ["lead"]}))
    shop.people(f'{PEOPLE}[people.bob]\nroles = ["clerk"]\n')
    async with shop.open(one_refund(shop.ledger)) as hitl:
        settled = await hitl.request(only(await hitl.start({})).id)
        assert await why_not_asked(hitl, settled, Responder(id="ann")) == ()
        (not_asked,) = await why_not_asked(hitl, settled, Responder(id="bob", roles=("lead",)))
        assert "'bob'" in not_asked.problem
        assert await trail(hitl, "request.refused") == []
        (not_known,) = await why_not_asked(hitl, settled, Responder(id="eve"))
        assert "'eve' is not in the directory of people" in not_known.problem
        assert len(await trail(hitl, "request.refused")) == 1
        assert await hitl.request(settled.request.id) == settled


async def test_an_answer_that_is_turned_away_where_it_came_in_is_recorded(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start({}))
        await record_refusal(hitl, request.approve(by="ann"), [Fault("by", "is not for her")])
        (refused,) = await trail(hitl, "request.refused")
        assert (refused.subject, refused.actor) == (request.id, "ann")
        assert json.loads(refused.body)["faults"] == ["by: is not for her"]
        assert (await hitl.request(request.id)).state is RequestState.OPEN

"""P26: what is said about a request beside deciding it, who may say it, and where it is seen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hitl_core.commands import StopScope
from hitl_core.errors import NotPermitted, RequestClosed, RequestNotFound, ResponseRefused
from hitl_core.protocol import COMMENT_LIMIT, Responder
from tests.core.shop import Shop, decide, one_refund, only, trail

STAFF = '[people.ann]\nroles = ["lead"]\n[people.eve]\ntenant = "elsewhere"\n'


async def test_comments_stand_in_their_order_with_who_said_them_and_how_that_is_known(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        known = Responder(id="bob", channel="slack", authenticated_by="oidc")
        await hitl.comment(request.id, "the customer is new", by=known)
        shop.clock.advance(60)
        await hitl.comment(request.id, "0.92 likely fraud", by="fraud-model", machine=True)
        first, second = await hitl.comments(request.id)
        assert (first.by, first.machine) == (known, False)
        assert (second.text, second.machine, second.made_at - first.made_at) == (
            "0.92 likely fraud",
            True,
            timedelta(minutes=1),
        )
        lines = [entry.body for entry in await trail(hitl, "request.commented")]
        assert ['"authenticated_by":"oidc"' in lines[0], '"machine":true' in lines[1]] == [True, True]
        assert "fraud" not in "".join(lines)
        assert await hitl.comments("no-such-request") == ()
    assert shop.ledger.count() == 0


@pytest.mark.parametrize(("text", "fault"), [(" \n", "is empty"), ("x" * (COMMENT_LIMIT + 1), "characters; at most")])
async def test_what_cannot_be_kept_is_refused_and_recorded(shop: Shop, text: str, fault: str) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        with pytest.raises(ResponseRefused, match=fault):
            await hitl.comment(request.id, text, by="bob")
        assert len(await trail(hitl, "request.refused")) == 1
        assert await hitl.comments(request.id) == ()


async def test_who_is_of_another_tenant_or_unknown_says_nothing(shop: Shop) -> None:
    shop.people(STAFF)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        for stranger in ("eve", "mallory"):
            with pytest.raises(NotPermitted):
                await hitl.comment(request.id, "let it run", by=stranger)
        made = await hitl.comment(request.id, "I know this customer", by=Responder(id="ann", roles=("boss",)))
        assert made.by.roles == ("lead",)
        assert len(await trail(hitl, "act.refused")) == 2


async def test_a_frozen_request_is_spoken_about_and_a_closed_one_is_not(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        request = only(run)
        await hitl.stop(StopScope.ALL, by="boss", reason="look at it")
        await hitl.comment(request.id, "why this?", by="bob")
        await hitl.lift(StopScope.ALL, by="boss", reason="fine")
        await decide(hitl, run, "approve")
        with pytest.raises(RequestClosed, match="nothing left to be said"):
            await hitl.comment(request.id, "too late", by="bob")
        with pytest.raises(RequestNotFound):
            await hitl.comment("no-such-request", "hello", by="bob")
        assert [each.text for each in await hitl.comments(request.id)] == ["why this?"]


async def test_comments_are_erased_with_their_run(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.comment(only(run).id, "Mr Miller of Springfield called", by="bob")
        await hitl.cancel(run.id, by="boss")
        await hitl.erase(run.id, by="boss", reason="asked to")
        assert await hitl.comments(only(run).id) == ()
    assert (await shop.verified()).findings == ()


async def test_what_an_erased_person_said_is_gone_and_what_others_said_of_them_does_not_name_them(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.comment(only(run).id, "my sister lives in Springfield", by="bob")
        await hitl.comment(only(run).id, "as bob says", by="ann")
        await hitl.cancel(run.id, by="boss")
        erased = await hitl.erase_person("bob", by="boss", reason="asked to")
        first, second = await hitl.comments(only(run).id)
        assert (first.by.id, first.text, second.by.id) == (erased.name, "(erased)", "ann")
        assert "bob" not in second.text
    assert (await shop.verified()).findings == ()

"""What others do between a look at the store and the write that follows it: nobody gets past the judge that way."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_core.commands import LiftStop, StopScope
from hitl_core.contracts import Store
from hitl_core.errors import NotAuthorised, ResponseRefused
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import PauseRequest, Response, RunState
from hitl_core.testing.interleaving import InterleavingStore
from tests.core.shop import Shop, decide, one_refund, only, policy, rule

BOSS = policy(rule("boss", level="confirm", approvers={"roles": ["boss"]}))


def lifting(shop: Shop, command: str) -> Any:
    """A store in which the stop of everything is lifted right before the first such command."""

    async def lift(store: Store) -> None:
        await store.apply(LiftStop(StopScope.ALL, "", "all fine", "bob", shop.clock.now()))

    return lambda store: InterleavingStore(store, command, lift)


def by_a_stranger(request: PauseRequest) -> Response:
    return request.approve(by="mallory")


def about_something_else(request: PauseRequest) -> Response:
    return request.approve(by="ann", roles=("boss",)).model_copy(update={"digest": "sha256:nonsense"})


def of_another_type(request: PauseRequest) -> Response:
    return request.edit({"order": 7, "amount": "all of it"}, by="ann", roles=("boss",))


@pytest.mark.parametrize(
    ("answer", "error"),
    [(by_a_stranger, NotAuthorised), (about_something_else, ResponseRefused), (of_another_type, ResponseRefused)],
)
@pytest.mark.parametrize("command", ["RecordResponse", "WriteNote"])
async def test_an_answer_under_a_stop_that_is_lifted_meanwhile_is_judged(
    shop: Shop, answer: Any, error: type[ResponseRefused], command: str
) -> None:
    shop.policy = BOSS
    async with shop.open(one_refund(shop.ledger), wrap=lifting(shop, command)) as hitl:
        run = await hitl.start(None)
        await hitl.stop(StopScope.ALL, by="bob", reason="audit")
        with pytest.raises(error):
            await hitl.respond(answer(only(run)))
        await hitl.lift(StopScope.ALL, by="bob", reason="fine")
        assert (await hitl.request(only(run).id)).state is RequestState.OPEN
        assert (await hitl.resume(run.id)).state is RunState.PAUSED
        assert shop.ledger.count() == 0
        await decide(hitl, run, "approve", by="ann", roles=("boss",))
    assert shop.ledger.count() == 1


async def test_a_good_answer_that_meets_a_lifted_stop_counts(shop: Shop) -> None:
    shop.policy = BOSS
    async with shop.open(one_refund(shop.ledger), wrap=lifting(shop, "RecordResponse")) as hitl:
        run = await hitl.start(None)
        await hitl.stop(StopScope.ALL, by="bob", reason="audit")
        await decide(hitl, run, "approve", by="ann", roles=("boss",))
    assert shop.ledger.count() == 1

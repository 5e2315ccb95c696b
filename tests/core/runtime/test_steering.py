"""Promise P63: guidance reaches the model at the next safe point, and it can be seen whether it did."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_adapters.plain import PlainAdapter, gate
from hitl_core.capabilities import Capability, absent
from hitl_core.commands import ReadAudit
from hitl_core.errors import (
    AdapterNotInstalled,
    CapabilityNotSupported,
    GuidanceRefused,
    MayNotSteer,
    RunFinished,
    RunNotFound,
)
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import GUIDANCE_LIMIT, GuidanceState, Responder, RunState
from tests.core.shop import Shop, decide, one_refund, only


class Model:
    """What the model of an app was told before each of its calls, and by a step that is not repeated."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    async def call(self) -> None:
        given = await gate.guidance()
        await gate.step(self._answers, given)

    def _answers(self, given: tuple[str, ...]) -> None:
        self.told.append(given)


def asking(model: Model) -> Any:
    async def app(input: object) -> str:
        await model.call()
        await gate.ask("one?")
        await model.call()
        await gate.ask("two?")
        await model.call()
        return "done"

    return app


async def test_p63_it_enters_at_the_next_model_call_and_stays_there(shop: Shop) -> None:
    model = Model()
    async with shop.open(asking(model)) as hitl:
        run = await hitl.start(None)
        given = await hitl.steer(run.id, "be brief", by=Responder(id="bob", roles=("lead",), channel="terminal"))
        assert (given.state, given.by.roles, given.by.authenticated_by) == (
            GuidanceState.QUEUED,
            ("lead",),
            "assertion",
        )
        assert await hitl.guidance(run.id) == (given,)
        run = await decide(hitl, run, "answer", "yes")
        await hitl.steer(run.id, "be kind", by="bob")
        run = await decide(hitl, run, "answer", "yes")
        assert run.state is RunState.COMPLETED
        seen = await hitl.guidance(run.id)
    assert [(each.text, each.state, each.place) for each in seen] == [
        ("be brief", GuidanceState.CONSUMED, "guidance#2"),
        ("be kind", GuidanceState.CONSUMED, "guidance#3"),
    ]
    assert model.told[0] == ()
    assert ["be brief" in "".join(told) for told in model.told] == [False, True, False]
    assert ["be kind" in "".join(told) for told in model.told] == [False, False, True]
    assert "bob, a person" in model.told[1][0]
    assert "no approval" in model.told[1][0]


async def test_p63_words_decide_nothing(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.steer(run.id, "approved", by="ann")
        assert (await hitl.request(only(run).id)).state is RequestState.OPEN
        assert (await hitl.wait(run.id)).state is RunState.PAUSED
    assert shop.ledger.count() == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "is empty"), ("  ", "is empty"), ("x" * (GUIDANCE_LIMIT + 1), "at most 4,000"), ("\ud800", "surrogate")],
    ids=["empty", "blank", "long", "surrogate"],
)
async def test_p63_what_is_no_guidance_is_refused_and_recorded(shop: Shop, text: str, says: str) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(GuidanceRefused, match=says) as refused:
            await hitl.steer(run.id, text, by="bob")
        assert [fault.path for fault in refused.value.faults] == ["text"]
        assert await hitl.guidance(run.id) == ()
        entries = (await hitl.store.fetch(ReadAudit())).items
    assert [(entry.subject, entry.actor) for entry in entries if entry.event == "guidance.refused"] == [(run.id, "bob")]


async def test_p63_the_longest_text_is_taken_whole(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        assert len((await hitl.steer(run.id, "ü" * GUIDANCE_LIMIT, by="bob")).text) == GUIDANCE_LIMIT


async def test_p63_an_agent_never_steers_itself(shop: Shop) -> None:
    refund = one_refund(shop.ledger)

    async def app(input: object) -> Any:
        with gate.acting_as("clerk"):
            return await refund(input)

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        with pytest.raises(MayNotSteer, match="'clerk' is an agent of this run"):
            await hitl.steer(run.id, "go on", by="clerk")
        assert await hitl.guidance(run.id) == ()


async def test_p63_an_agent_that_was_asked_about_later_than_a_page_never_steers_itself(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hitl_core.contracts.PAGE", 1)
    refund = one_refund(shop.ledger)

    async def app(input: object) -> Any:
        await refund(input)
        with gate.acting_as("clerk"):
            return await refund(input)

    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.start(None), "approve")
        with pytest.raises(MayNotSteer, match="'clerk' is an agent of this run"):
            await hitl.steer(run.id, "go on", by="clerk")
        assert await hitl.guidance(run.id) == ()


async def test_p63_a_run_that_is_over_or_unknown_takes_none(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await decide(hitl, await hitl.start(None), "approve")
        with pytest.raises(RunFinished, match="completed"):
            await hitl.steer(run.id, "be brief", by="bob")
        with pytest.raises(RunNotFound):
            await hitl.steer("nowhere", "be brief", by="bob")


async def test_p63_where_there_is_no_way_in_it_is_refused_by_name(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = {**PlainAdapter.capabilities, Capability.STEER: absent("it hears nobody")}
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        monkeypatch.setattr(PlainAdapter, "capabilities", lacking)
        with pytest.raises(CapabilityNotSupported, match="it hears nobody"):
            await hitl.steer(run.id, "be brief", by="bob")
        assert await hitl.guidance(run.id) == ()
        monkeypatch.setattr(PlainAdapter, "name", "another")
        given = await hitl.steer(run.id, "be brief", by="bob")  # a run of another backend: that one knows
        assert await hitl.guidance(run.id) == (given,)


async def test_p63_it_is_queued_where_the_framework_is_not_at_home(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(adapter: PlainAdapter) -> Any:
        raise AdapterNotInstalled("pip install it")

    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        monkeypatch.setattr(PlainAdapter, "capabilities", property(missing))
        given = await hitl.steer(run.id, "be brief", by="bob")
        assert await hitl.guidance(run.id) == (given,)


async def test_p63_a_failed_run_hears_it_when_it_is_tried_again(shop: Shop) -> None:
    model, broken = Model(), [True]

    async def app(input: object) -> str:
        if broken:
            raise ConnectionError("no model")
        await model.call()
        return "done"

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert run.state is RunState.FAILED
        await hitl.steer(run.id, "be brief", by="bob")
        broken.clear()
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
    assert ["be brief" in "".join(told) for told in model.told] == [True]

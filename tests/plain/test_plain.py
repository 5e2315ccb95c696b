"""The plain adapter: any function, run again from its start, with what is known of it answered at once."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from hitl_adapters.plain import PlainAdapter, Refused, gate
from hitl_adapters.plain.adapter import CAPABILITIES
from hitl_core.apps import AppSource
from hitl_core.capabilities import Capability
from hitl_core.commands import StopScope
from hitl_core.contracts import Adapter
from hitl_core.errors import EffectRefused, NoRun
from hitl_core.lifecycle import ActionState
from hitl_core.policy import Policy
from hitl_core.protocol import Run, RunState
from hitl_core.tools import Catalogue, current_call, tool
from tests.core.shop import Shop, decide, found, one_refund, only, policy, refund_tool, rule

FREE: Policy = policy(
    rule("free", match={"tool": ["refund", "mail", "outer"]}, level="autonomous", allow_irreversible="a test")
)


def adapter(app: Any = print) -> Adapter:
    return PlainAdapter(AppSource.of(app), catalogue=Catalogue())


def test_every_capability_has_an_answer() -> None:
    assert CAPABILITIES.keys() == set(Capability)
    assert adapter().capabilities is CAPABILITIES
    assert adapter().name == "plain"


async def test_a_guarded_function_outside_a_run_does_not_run(shop: Shop) -> None:
    refund = refund_tool(shop.ledger)
    with pytest.raises(NoRun, match="outside a run"):
        await refund("A", 1.0)
    with pytest.raises(NoRun):
        await gate.ask("Why?")
    with pytest.raises(NoRun):
        _ = gate.notes
    assert shop.ledger.count() == 0


# ── what may be guarded ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_declared_tool_can_be_guarded(shop: Shop) -> None:
    @gate.guard
    @tool(title="Pay money back", reversible=False)
    async def refund(order: str) -> str:
        shop.ledger.write("refund")
        return "paid"

    async def app(input: Any) -> Any:
        return await refund(order="A")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert (only(run).title, only(run).preview.reversible) == ("Pay money back", False)
        assert (await decide(hitl, run, "approve")).output == "paid"


async def test_two_tools_of_one_name_are_refused(shop: Shop) -> None:
    shop.policy = FREE
    refund, other = refund_tool(shop.ledger), gate.guard(name="refund")(sleepless)

    async def app(input: Any) -> Any:
        await refund("A", 1.0)
        return await other()

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
    assert (run.state, "two different tools" in run.error) == (RunState.FAILED, True)


async def sleepless() -> None: ...


@pytest.mark.parametrize("result", [object(), {1, object()}, float("nan"), "x" * 2_000_000], ids=type)
async def test_a_tool_that_ran_is_never_told_of_as_a_failure_to_try_again(shop: Shop, result: Any) -> None:
    shop.policy = FREE
    told: list[str] = []

    @gate.guard
    async def refund(order: str) -> Any:
        shop.ledger.write("refund")
        return result

    async def app(input: Any) -> Any:
        try:
            await refund("A")
        except Refused as exc:
            told.append(str(exc))
        return await gate.ask("What now?")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await decide(hitl, run, "answer", "nothing")
        (effect, *_) = await hitl.effects(run.id)
    assert told[0] == told[1] == effect.error
    assert told[0].startswith("It ran, but its result cannot be kept: ")
    assert told[0].endswith("do not repeat it.")
    assert shop.ledger.count() == 1


async def test_arguments_are_shown_by_name_however_they_are_given(shop: Shop) -> None:
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        return await refund("A", amount=2.5)

    async with shop.open(app) as hitl:
        assert only(await hitl.start(None)).action.arguments == {"order": "A", "amount": 2.5}


async def test_wrong_arguments_never_reach_people(shop: Shop) -> None:
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        return await refund("A")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
    assert (run.state, run.pending, "missing a required argument" in run.error) == (RunState.FAILED, (), True)


# ── sync apps and sync tools ─────────────────────────────────────────────────────────────────────────────────


def sync_desk(shop: Shop) -> Any:
    @gate.guard
    def refund(order: str) -> str:
        shop.ledger.write("refund", order=order, key=current_call().key)
        return f"paid {order}"

    def desk(input: Any) -> Any:
        look_up = gate.wait(gate.step(lambda: found(shop.ledger, "look up"), name="look up"))
        why = gate.wait(gate.ask("Why?"))
        return [why, refund(look_up)]

    return desk


async def test_a_sync_app_pauses_and_goes_on(shop: Shop) -> None:
    app = sync_desk(shop)
    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.start(None), "answer", "empty")
    async with shop.open(app) as hitl:
        run = await decide(hitl, run, "approve")
    assert (run.state, run.output) == (RunState.COMPLETED, ["empty", "paid A-9"])
    assert (shop.ledger.count("look up"), shop.ledger.count("refund")) == (1, 1)


async def test_a_function_that_returns_a_coroutine_is_an_app_too(shop: Shop) -> None:
    async with shop.open(lambda value: sleepless()) as hitl:
        assert (await hitl.start(None)).state is RunState.COMPLETED


async def test_a_sync_tool_on_the_event_loop_is_refused_by_name(shop: Shop) -> None:
    @gate.guard
    def refund(order: str) -> None:
        shop.ledger.write("refund")

    async def app(input: Any) -> Any:
        return refund("A")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
    assert (run.state, "call it in a thread" in run.error, shop.ledger.count()) == (RunState.FAILED, True, 0)


async def test_a_slow_sync_tool_does_not_hold_up_the_loop(shop: Shop) -> None:
    shop.policy = FREE
    inside, go_on = threading.Event(), threading.Event()

    @gate.guard
    def refund(order: str) -> str:
        inside.set()
        assert go_on.wait(30)
        return "paid"

    def app(input: Any) -> Any:
        return refund("A")

    async with shop.open(app) as hitl:
        turn = asyncio.ensure_future(hitl.start(None))
        await asyncio.to_thread(inside.wait, 30)
        go_on.set()  # the loop is free to do this while the tool waits for it
        assert (await turn).output == "paid"


# ── running again ────────────────────────────────────────────────────────────────────────────────────────────


async def test_steps_are_done_once_and_by_name(shop: Shop) -> None:
    async def model(prompt: str, *, heat: int = 0) -> dict[str, Any]:
        shop.ledger.write("model", prompt=prompt, heat=heat)
        return {"said": (prompt, heat)}

    async def app(input: Any) -> Any:
        first = await gate.step(model, "one")
        second = await gate.step(model, "two", heat=1)
        await gate.ask("Go on?")
        return [first, second, await gate.step(model, "three", name="last")]

    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.start(None), "answer", "yes")
    assert run.output == [{"said": ["one", 0]}, {"said": ["two", 1]}, {"said": ["three", 0]}]
    assert [line["prompt"] for line in shop.ledger.lines()] == ["one", "two", "three"]


async def test_a_stop_ends_the_function_at_its_next_step(shop: Shop) -> None:
    async def stopping() -> None:
        async with shop.open(print) as other:
            await other.stop(StopScope.ALL, by="bob", reason="audit")

    async def app(input: Any) -> Any:
        await gate.step(stopping, name="first")
        return await gate.step(shop.ledger.write, "model", name="second")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert (run.state, shop.ledger.count()) == (RunState.STOPPED, 0)
        await hitl.lift(StopScope.ALL, by="bob", reason="fine")
        assert (await hitl.wait(run.id)).state is RunState.COMPLETED
    assert shop.ledger.count("model") == 1


async def test_a_failure_is_the_same_when_the_function_runs_again(shop: Shop) -> None:
    """An app that catches it must go the same way in every turn, or its places would not be found again."""
    shop.policy = FREE
    seen: list[str] = []

    @gate.guard
    async def refund(order: str) -> str:
        shop.ledger.write("refund")
        raise ConnectionError("the bank is away")

    async def app(input: Any) -> Any:
        try:
            return await refund("A")
        except Refused as exc:
            seen.append(str(exc))
            return await gate.ask("The bank is away; what now?")

    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.start(None), "answer", "tomorrow")
    assert (run.state, run.output, shop.ledger.count()) == (RunState.COMPLETED, "tomorrow", 1)
    assert seen == ["This call was tried and failed: ConnectionError: the bank is away"] * 2


async def test_an_error_of_ours_that_ends_a_run_says_its_code(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        raise EffectRefused("it is used up") if input else KeyError("x")

    async with shop.open(app) as hitl:
        ended = [await hitl.start(input) for input in (True, False)]
    assert [run.error for run in ended] == ["HITL-E01 it is used up", "KeyError: 'x'"]


async def test_notes_are_the_same_when_the_function_runs_again(shop: Shop) -> None:
    refunding = one_refund(shop.ledger)

    async def app(input: Any) -> Any:
        await refunding(input)
        await gate.ask("Anything else?")
        return list(gate.notes)

    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.start(None), "edit", {"order": "A-1042", "amount": 90})
        run = await decide(hitl, run, "answer", "no")
    notes: Any = run.output
    (note,) = notes
    assert '"amount": 90' in note


async def test_an_app_that_swallows_our_pause_does_not_get_past_it(shop: Shop) -> None:
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        try:
            await refund("A", 1.0)
        except BaseException:
            return "went on without asking"

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert (run.state, shop.ledger.count()) == (RunState.PAUSED, 0)
        await decide(hitl, run, "approve")
    assert shop.ledger.count() == 1


async def test_an_apps_own_handler_lets_our_pause_pass(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        try:
            return await gate.ask("Why?")
        except Exception:
            return "an error"

    async with shop.open(app) as hitl:
        assert (await decide(hitl, await hitl.start(None), "answer", "so")).output == "so"


# ── several at once ──────────────────────────────────────────────────────────────────────────────────────────


async def test_together_keeps_the_order_of_its_calls(shop: Shop) -> None:
    shop.policy = FREE
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        return [await gate.together(), await gate.together(refund("A", 1.0), refund("B", 2.0))]

    async with shop.open(app) as hitl:
        assert (await hitl.start(None)).output == [[], ["paid 1.0", "paid 2.0"]]


async def test_together_shows_a_pause_also_if_another_call_failed(shop: Shop) -> None:
    async def broken() -> None:
        raise ConnectionError("away")

    async def app(input: Any) -> Any:
        return await gate.together(broken(), gate.ask("Why?"))

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert (run.state, only(run).title) == (RunState.PAUSED, "Why?")
        run = await decide(hitl, run, "answer", "so")
    assert (run.state, run.error) == (RunState.FAILED, "ConnectionError: away")


async def test_together_takes_its_calls_with_it(shop: Shop) -> None:
    """If the turn is cancelled, nothing of it goes on in the background."""
    shop.policy = FREE
    inside, ended = asyncio.Barrier(3), []

    @gate.guard
    async def refund(order: str) -> None:
        await inside.wait()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(order)

    async def app(input: Any) -> Any:
        return await gate.together(refund("A"), refund("B"))

    async with shop.open(app) as hitl:
        turn = asyncio.ensure_future(hitl.start(None))
        await inside.wait()  # both refunds and we
        turn.cancel()
        await asyncio.wait((turn,))
        assert sorted(ended) == ["A", "B"]


async def test_a_guarded_call_inside_a_guarded_call(shop: Shop) -> None:
    """The outer one waits with the inner one, begins again when that is answered, and has one outcome."""
    refund = refund_tool(shop.ledger)
    shop.policy = policy(rule("free", match={"tool": "outer"}, level="autonomous", allow_irreversible="a test"))

    @gate.guard
    async def outer(order: str) -> str:
        return f"outer {await refund(order, 1.0)}"

    async def app(input: Any) -> Any:
        return await outer("A")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert [effect.state for effect in await hitl.effects(run.id)] == [ActionState.ALLOWED]
        run = await decide(hitl, run, "approve")
        states = {effect.call: effect.state for effect in await hitl.effects(run.id)}
    assert (run.output, shop.ledger.count()) == ("outer paid 1.0", 1)
    assert states == {"outer#1": ActionState.EXECUTED, "refund#1": ActionState.EXECUTED}


async def test_there_is_nothing_to_forget_and_nothing_to_close(shop: Shop) -> None:
    async with shop.open(lambda value: sleepless()) as hitl:
        assert isinstance(hitl.adapter, PlainAdapter)
        run: Run = await hitl.start(None)
        await hitl.adapter.cancel(run, None)
        await hitl.adapter.close()


async def test_an_unanswered_question_that_may_proceed_is_still_no_answer(shop: Shop) -> None:
    shop.policy = policy(
        rule(
            "soon",
            match={"tool": "ask", "reversible": True},
            level="confirm",
            deadline="1h",
            on_timeout="proceed",
            allow_timeout_approval=True,
        ),
        rule("asks", match={"tool": "ask"}, level="confirm", deadline="1h"),
    )

    async def app(input: Any) -> Any:
        return await gate.ask("Why?")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(hours=1)
        run = await hitl.wait(run.id)
    assert (run.state, "before" in run.error) == (RunState.FAILED, True)

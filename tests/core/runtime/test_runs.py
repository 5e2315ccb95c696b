"""Runs as applications hold them: starting, streaming, waiting, listing, failing, retrying, rewinding."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hitl_adapters.plain import gate
from hitl_core.capabilities import NATIVE, Capability, absent
from hitl_core.commands import OpenRun
from hitl_core.contracts import Finding
from hitl_core.errors import (
    AppChanged,
    AppRefused,
    CapabilityNotSupported,
    LeaseLost,
    NotCanonical,
    RequestNotFound,
    ResponseRefused,
    RunBusy,
    RunNotFound,
    TooLarge,
)
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import PAYLOAD_LIMIT, LiveKind, RunState
from hitl_core.runtime import INPUT_LIMIT, Runtime
from tests.core import desk
from tests.core.shop import LEASE, Shop, decide, one_refund, only, policy, rule, trail


async def nothing(input: Any) -> Any:
    return input


# ── starting ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_run_says_where_it_comes_from(shop: Shop) -> None:
    async with shop.open(nothing) as hitl:
        run = await hitl.start({"order": None}, by="ann", thread="chat-7")
        assert (run.backend, run.app, run.thread, run.started_by, run.input) == (
            "plain",
            "shop:app",
            "chat-7",
            "ann",
            {"order": None},
        )
        assert (run.state, run.output, run.attempts) == (RunState.COMPLETED, {"order": None}, 1)
        assert await hitl.run(run.id) == run
        assert (await hitl.start(1)).thread != "chat-7"


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("x" * INPUT_LIMIT, TooLarge),
        (float("nan"), NotCanonical),
        (2**60, NotCanonical),
        ("\ud800", NotCanonical),
        (object(), NotCanonical),
    ],
    ids=["too large", "NaN", "big integer", "surrogate", "no JSON"],
)
async def test_an_input_that_cannot_be_kept_is_refused_before_anything_is_stored(
    shop: Shop, value: Any, error: type[Exception]
) -> None:
    async with shop.open(nothing) as hitl:
        with pytest.raises(error, match="input"):
            await hitl.start(value)
        assert (await hitl.runs()).items == ()
        assert await trail(hitl) == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [({"order": "x" * PAYLOAD_LIMIT}, "the limit is 65,536"), ({"amount": float("inf")}, "not a JSON number")],
    ids=["too large", "infinite"],
)
async def test_arguments_that_cannot_be_kept_are_refused_before_anybody_is_asked(
    shop: Shop, arguments: dict[str, Any], why: str
) -> None:
    @gate.guard
    async def refund(order: str = "A", amount: float = 1.0) -> None:
        shop.ledger.write("refund")

    async def app(input: Any) -> Any:
        return await refund(**arguments)

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        assert (await hitl.inbox()).items == ()
        assert await hitl.effects(run.id) == ()
    assert (why in run.error, shop.ledger.count()) == (True, 0)


async def test_something_that_is_no_app_is_refused_before_a_run_exists(shop: Shop) -> None:
    async with shop.open("not a function") as hitl:  # type: ignore[arg-type]
        with pytest.raises(AppRefused, match="not a function"):
            await hitl.start(None)
        assert (await hitl.runs()).items == ()


async def test_an_app_is_attached_once(shop: Shop) -> None:
    async with shop.open(nothing) as hitl:
        calls: list[int] = []

        async def attach() -> tuple[Finding, ...]:
            calls.append(1)
            return (Finding("note", "app", "seen"),)

        hitl.adapter.attach = attach  # type: ignore[method-assign]
        assert (await hitl.attach(), await hitl.attach()) == ((Finding("note", "app", "seen"),),) * 2
        assert calls == [1]


async def test_two_who_come_first_build_the_app_once(shop: Shop) -> None:
    async with shop.open(nothing) as hitl:
        built: list[int] = []

        async def attach() -> tuple[Finding, ...]:
            await asyncio.sleep(0)
            built.append(1)
            return ()

        hitl.adapter.attach = attach  # type: ignore[method-assign]
        await asyncio.gather(hitl.attach(), hitl.attach())
    assert built == [1]


async def test_what_a_failed_attach_has_opened_is_closed(shop: Shop) -> None:
    opened: list[str] = []

    async def attach() -> tuple[Finding, ...]:
        opened.append("a connection")
        raise AppRefused("the app cannot be overseen")

    async def close() -> None:
        opened.clear()

    async with shop.open(nothing) as hitl:
        hitl.adapter.attach, hitl.adapter.close = attach, close  # type: ignore[method-assign]
        with pytest.raises(AppRefused):
            await hitl.start(None)
        assert opened
    assert opened == []


# ── failing and retrying ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_failed_run_can_be_resumed_and_repeats_nothing(shop: Shop) -> None:
    refunding, failures = one_refund(shop.ledger), [True]

    async def app(input: Any) -> Any:
        said = await refunding(input)
        if failures:
            failures.pop()
            raise ConnectionError("the model is away")
        return said

    async with shop.open(app) as hitl:
        run = await decide(hitl, await hitl.start(None), "approve")
        assert (run.state, run.error) == (RunState.FAILED, "ConnectionError: the model is away")
        run = await hitl.resume(run.id)
        assert (run.state, run.error, run.attempts) == (RunState.COMPLETED, "", 3)
    assert shop.ledger.count() == 1


async def test_a_failed_run_keeps_its_open_requests(shop: Shop) -> None:
    failures = [True]
    refunding = one_refund(shop.ledger)

    async def app(input: Any) -> Any:
        if shop.ledger.count("seen") and failures:
            failures.pop()
            raise ConnectionError("away")
        shop.ledger.write("seen")
        return await refunding(input)

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        assert (await hitl.resume(run.id)).state is RunState.FAILED
        assert (await hitl.wait(run.id)).state is RunState.FAILED
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
    assert shop.ledger.count("refund") == 1


async def test_a_failed_run_is_only_retried_where_its_app_is(shop: Shop) -> None:
    async def fails(input: Any) -> Any:
        raise ConnectionError("the model is away")

    async def broken() -> tuple[Finding, ...]:
        raise AppRefused("it cannot be overseen")

    async with shop.open(fails) as hitl:
        run = await hitl.start(None)
        async with shop.open(nothing, name="other:app") as other:
            with pytest.raises(RunBusy, match="waits for a worker that has 'shop:app'"):
                await other.resume(run.id)
        async with shop.open(nothing) as same:
            same.adapter.attach = broken  # type: ignore[method-assign]
            with pytest.raises(AppRefused):
                await same.resume(run.id)
        assert await hitl.run(run.id) == run


async def test_an_error_of_ours_says_its_code(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        raise RequestNotFound("no such thing")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
    assert (run.state, "no such thing" in run.error) == (RunState.FAILED, True)


@pytest.mark.parametrize(
    ("output", "code"), [("x" * 2_000_000, "HITL-R03"), (float("nan"), "HITL-R02"), (object(), "")], ids=str
)
async def test_an_output_that_cannot_be_kept_fails_the_run_by_name(shop: Shop, output: Any, code: str) -> None:
    async def app(input: Any) -> Any:
        return output

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
    assert (run.state, run.error.startswith(code), bool(run.error)) == (RunState.FAILED, True, True)


@pytest.mark.parametrize("result", ["x" * 2_000_000, float("nan"), object()], ids=["too large", "NaN", "no JSON"])
async def test_a_result_that_cannot_be_kept_does_not_hide_that_the_tool_ran(shop: Shop, result: Any) -> None:
    shop.policy = policy(rule("free", level="autonomous", allow_irreversible="a test"))

    @gate.guard
    async def refund(order: str) -> Any:
        shop.ledger.write("refund")
        return result

    async def app(input: Any) -> Any:
        return await refund("A")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        (effect,) = await hitl.effects(run.id)
        assert (run.state, effect.state) == (RunState.FAILED, ActionState.FAILED)
        assert effect.error.startswith("It ran, but its result cannot be kept")
        await hitl.resume(run.id)
    assert shop.ledger.count() == 1


# ── streaming ────────────────────────────────────────────────────────────────────────────────────────────────


async def chatty(input: Any) -> Any:
    gate.emit("working")
    said = await gate.ask("Why?")
    gate.emit(f"they said {said}")
    return said


async def kinds(events: Any) -> list[LiveKind]:
    return [event.kind async for event in events]


async def test_a_run_is_streamed_from_pause_to_pause(shop: Shop) -> None:
    async with shop.open(chatty) as hitl:
        first = [event async for event in hitl.stream(None, by="ann")]
        (run,) = (await hitl.runs()).items
        assert {event.run_id for event in first} == {run.id}
        assert (first[0].kind, first[-1].kind) == (LiveKind.STARTED, LiveKind.PAUSED)
        await hitl.respond(only(await hitl.run(run.id)).answer("empty", by="ann"))
        second = await kinds(hitl.stream_resume(run.id))
        assert (second[0], second[-1]) == (LiveKind.STARTED, LiveKind.COMPLETED)
        assert await kinds(hitl.stream_resume(run.id)) == []


async def test_two_streams_do_not_mix(shop: Shop) -> None:
    async with shop.open(chatty) as hitl:
        one, other = await asyncio.gather(collect(hitl.stream(1)), collect(hitl.stream(2)))
        assert len({event.run_id for event in one}) == 1
        assert len({event.run_id for event in other}) == 1
        assert one[0].run_id != other[0].run_id


async def collect(events: Any) -> list[Any]:
    return [event async for event in events]


async def test_who_stops_listening_does_not_stop_the_run(shop: Shop) -> None:
    async with shop.open(chatty) as hitl:
        events = hitl.stream(None)
        await anext(events)
        await events.aclose()  # type: ignore[attr-defined]
        (run,) = (await hitl.runs()).items
        assert (await hitl.run(run.id)).state is RunState.PAUSED


async def test_what_has_nothing_to_tell_is_not_watched(shop: Shop) -> None:
    async with shop.open(chatty) as hitl:
        run = await hitl.start(None)
        silent = {**hitl.adapter.capabilities, Capability.STREAM_EVENTS: absent("it says nothing")}
        hitl.adapter.capabilities = silent  # type: ignore[misc]
        with pytest.raises(CapabilityNotSupported, match="stream_events"):
            await kinds(hitl.stream(None))
        with pytest.raises(CapabilityNotSupported, match="stream_events"):
            await kinds(hitl.stream_resume(run.id))
        assert [each.id for each in (await hitl.runs()).items] == [run.id]


async def test_what_breaks_a_turn_breaks_its_stream(shop: Shop) -> None:
    async with shop.open(nothing) as hitl:
        with pytest.raises(NotCanonical):
            await collect(hitl.stream(float("nan")))


# ── waiting ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_wait_goes_on_through_pauses_until_the_end(shop: Shop) -> None:
    app = one_refund(shop.ledger)
    async with shop.open(app) as waiting, shop.open(app) as people:
        run = await waiting.start(None)
        end = asyncio.ensure_future(waiting.wait(run.id, through_pauses=True))
        await people.respond(only(run).approve(by="ann"))
        assert (await end).state is RunState.COMPLETED
    assert shop.ledger.count() == 1


async def test_wait_gives_up_after_its_time(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(TimeoutError):
            await hitl.wait(run.id, timeout=0.01, through_pauses=True)
        assert (await hitl.wait(run.id)).state is RunState.PAUSED


async def test_who_gives_up_waiting_does_not_stop_the_tool(shop: Shop) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    @gate.guard
    async def refund(order: str) -> str:
        inside.set()
        await go_on.wait()
        shop.ledger.write("refund")
        return "paid"

    async def app(input: Any) -> Any:
        return await refund("A")

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        with pytest.raises(TimeoutError):
            await hitl.wait(run.id, timeout=0.05)
        await inside.wait()
        assert (await hitl.run(run.id)).state is RunState.RUNNING
        go_on.set()
        assert (await hitl.wait(run.id, timeout=10)).output == "paid"
        (effect,) = await hitl.effects(run.id)
    assert (effect.state, shop.ledger.count()) == (ActionState.EXECUTED, 1)


async def test_closing_waits_for_a_turn_that_nobody_waits_for(shop: Shop) -> None:
    inside = asyncio.Event()

    async def app(input: Any) -> Any:
        inside.set()
        await asyncio.sleep(0)
        shop.ledger.write("worked")
        return float("nan") if input == "bad" else input

    async with shop.open(app) as hitl:
        for value in ("good", "bad"):
            claimed = await hitl._open(value, by=None, thread=None)
            shop.clock.advance(LEASE)  # a run whose worker died
            waiting = asyncio.ensure_future(hitl.wait(claimed.run.id))
            await inside.wait()
            waiting.cancel()
            inside.clear()
    assert shop.ledger.count("worked") == 2
    async with shop.open(app) as hitl:
        assert {run.state for run in (await hitl.runs()).items} == {RunState.COMPLETED, RunState.FAILED}


async def test_wait_leaves_a_run_to_whoever_works_on_it(shop: Shop) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def app(input: Any) -> Any:
        inside.set()
        await go_on.wait()
        return "done"

    async with shop.open(app) as one, shop.open(app) as other:
        work = asyncio.ensure_future(one.start(None))
        await inside.wait()
        (run,) = (await other.runs()).items
        end = asyncio.ensure_future(other.wait(run.id))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not end.done()
        go_on.set()
        assert ((await end).output, (await work).attempts) == ("done", 1)


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_runs_are_listed_newest_first_page_by_page(shop: Shop) -> None:
    async with shop.open(nothing) as hitl:
        made = [(await hitl.start(number)).id for number in range(5)]
        first = await hitl.runs(limit=3)
        second = await hitl.runs(limit=3, cursor=first.cursor)
        assert [run.id for run in (*first.items, *second.items)] == made[::-1]
        assert second.cursor is None
        assert len((await hitl.runs(states=(RunState.COMPLETED,))).items) == 5
        assert (await hitl.runs(states=(RunState.PAUSED,))).items == ()


async def test_the_inbox_is_oldest_first_page_by_page(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        made = [only(await hitl.start(None)).id for _ in range(5)]
        first = await hitl.inbox(limit=3)
        second = await hitl.inbox(limit=3, cursor=first.cursor)
    assert [each.request.id for each in (*first.items, *second.items)] == made


@pytest.mark.parametrize("method", ["run", "resume", "wait"])
async def test_an_unknown_run_is_refused_by_name(shop: Shop, method: str) -> None:
    async with shop.open(nothing) as hitl:
        with pytest.raises(RunNotFound, match="no-such-run"):
            await getattr(hitl, method)("no-such-run")


async def test_an_unknown_request_is_refused_by_name(shop: Shop) -> None:
    async with shop.open(nothing) as hitl:
        with pytest.raises(RequestNotFound, match="no-such-request"):
            await hitl.request("no-such-request")


# ── rewind, cancel, close ──────────────────────────────────────────────────────────────────────────────────────


class Forks:
    """What an adapter does that can go back: it takes the checkpoint of the last pause."""

    def __init__(self, hitl: Runtime, error: Exception | None = None) -> None:
        self.seen: list[Any] = []
        self.error = error
        adapter: Any = hitl.adapter
        adapter.rewind = self.rewind
        adapter.capabilities = {**adapter.capabilities, Capability.UNDO_BY_FORK: NATIVE}

    async def rewind(self, run: Any, checkpoint: Any) -> Any:
        self.seen.append((run.id, checkpoint))
        if self.error is not None:
            raise self.error
        return checkpoint


async def test_an_adapter_that_cannot_go_back_says_so_and_nothing_changes(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(CapabilityNotSupported, match="undo_by_fork"):
            await hitl.rewind(run.id, by="ann")
        assert await hitl.run(run.id) == run


async def test_a_rewind_supersedes_what_waits_and_asks_again(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        forks = Forks(hitl)
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        again = await hitl.rewind(run.id, by="bob", reason="look again")
        assert forks.seen == [(run.id, {"version": 1, "calls": ["refund#1"]})]
        assert shop.ledger.count() == 0
        assert again.state in (RunState.PAUSED, RunState.COMPLETED)


async def test_a_run_that_somebody_works_on_cannot_be_rewound_and_its_framework_is_left_alone(shop: Shop) -> None:
    app = one_refund(shop.ledger)
    async with shop.open(app) as hitl, shop.open(app) as other:
        forks = Forks(other)
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        (claimed,) = await hitl.claim(limit=1)
        with pytest.raises(RunBusy):
            await other.rewind(run.id, by="bob")
        assert (forks.seen, (await hitl.drive(claimed)).state) == ([], RunState.COMPLETED)
    assert shop.ledger.count() == 1


async def test_a_run_that_never_paused_has_nothing_to_go_back_to(shop: Shop) -> None:
    async with shop.open(nothing) as hitl:
        forks = Forks(hitl)
        run = await hitl.start(1)
        with pytest.raises(AppChanged, match="never paused"):
            await hitl.rewind(run.id, by="bob")
        assert (forks.seen, await hitl.run(run.id)) == ([], run)


async def test_a_run_of_another_app_is_not_rewound_here(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl, shop.open(nothing, name="other:app") as other:
        forks = Forks(other)
        run = await hitl.start(None)
        with pytest.raises(RunBusy, match="waits for a worker that has 'shop:app'"):
            await other.rewind(run.id, by="bob")
        assert (forks.seen, await hitl.run(run.id)) == ([], run)


async def test_a_rewind_that_fails_runs_nothing_and_can_be_tried_again(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        forks = Forks(hitl, ConnectionError("no database"))
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        with pytest.raises(ConnectionError):
            await hitl.rewind(run.id, by="bob")
        run = await hitl.run(run.id)
        assert (run.state, run.error) == (RunState.FAILED, "going back failed: ConnectionError: no database")
        forks.error = None
        await hitl.rewind(run.id, by="bob")
    assert (len(forks.seen), shop.ledger.count()) == (2, 0)


async def test_what_comes_of_a_call_after_its_run_was_cancelled_is_kept_and_nothing_more_runs(shop: Shop) -> None:
    """The tool cannot be called back. Its result is recorded, and its app goes no further."""

    @gate.guard
    async def pay(order: str) -> str:
        (run,) = (await people.runs()).items
        await people.cancel(run.id, by="bob")
        shop.ledger.write("paid", order=order)
        return "paid"

    async def app(input: Any) -> Any:
        await pay("A-1")
        shop.ledger.write("after")

    async with shop.open(app) as people, shop.open(app) as hitl:
        await hitl.respond(only(await hitl.start(None)).approve(by="ann"))
        with pytest.raises(LeaseLost, match="cancelled"):
            await hitl.resume((await people.runs()).items[0].id)
        (run,) = (await people.runs()).items
        (effect,) = await people.effects(run.id)
        assert (run.state, effect.state, effect.result) == (RunState.CANCELLED, ActionState.EXECUTED, "paid")
    assert [line["effect"] for line in shop.ledger.lines()] == ["paid"]


async def test_a_framework_that_cannot_forget_a_cancelled_run_harms_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    async def cancel(run: Any, checkpoint: Any) -> None:
        raise AppRefused("no connection")

    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        hitl.adapter.cancel = cancel  # type: ignore[method-assign]
        assert (await hitl.cancel(run.id, by="bob")).state is RunState.CANCELLED
    assert "its framework was not told: HITL-A06 AppRefused" in caplog.text


async def test_closing_twice_is_harmless(shop: Shop) -> None:
    async with shop.open(nothing) as hitl:
        await hitl.start(None)
        await hitl.close()


async def test_who_breaks_off_the_closing_leaves_nothing_open(shop: Shop) -> None:
    """A turn goes on and on, and whoever waits for the closing loses patience."""
    go_on, closed = asyncio.Event(), list[str]()

    async def app(input: Any) -> Any:
        await gate.ask("Now?")
        await go_on.wait()

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).answer("yes", by="ann"))
        with pytest.raises(TimeoutError):
            await hitl.wait(run.id, timeout=0.05)
        for name, part in (("store", hitl.store), ("adapter", hitl.adapter)):
            part.close = noted(name, part.close, closed)  # type: ignore[method-assign]
        closing = asyncio.create_task(hitl.close())
        await asyncio.wait({closing}, timeout=0.05)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert closed == ["adapter", "store"]
        go_on.set()


def noted(name: str, close: Any, closed: list[str]) -> Any:
    async def closes() -> None:
        closed.append(name)
        await close()

    return closes


async def test_a_request_of_another_backends_run_can_be_answered_too(shop: Shop) -> None:
    """People answer requests, whichever process will go on with the run."""
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
    async with shop.open(nothing, name="inbox:only") as inbox:
        await inbox.respond(only(run).approve(by="ann"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.resume(run.id)
    assert shop.ledger.count() == 1


async def test_an_edit_can_be_judged_where_the_app_is_missing(shop: Shop) -> None:
    shop.policy = policy(rule("large", when={"argument": "amount", "above": 500}, effect="deny"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
    async with shop.open("no app", name="inbox:only") as inbox:  # type: ignore[arg-type]
        with pytest.raises(ResponseRefused, match="the policy forbids the edited call"):
            await inbox.respond(only(run).edit({"order": "A-1042", "amount": 900}, by="ann"))
        await inbox.respond(only(run).edit({"order": "A-1042", "amount": 90}, by="ann"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.resume(run.id)
    assert [line["amount"] for line in shop.ledger.lines()] == [90]


async def test_a_run_of_a_stranger_is_left_alone(shop: Shop) -> None:
    async with shop.open(nothing) as hitl:
        now = shop.clock.now()
        foreign = desk.run(id="foreign", backend="elsewhere", created_at=now, updated_at=now)
        await hitl.store.apply(OpenRun(foreign, "someone", 1.0, now))
        shop.clock.advance(60)
        assert await hitl.claim(limit=10) == ()


# ── for servers ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_run_is_started_under_an_id_once(shop: Shop) -> None:
    shop.policy = policy(rule("free", level="autonomous", allow_irreversible="a test"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start_as("run-1", {}, within=60)
        assert (run.id, run.state) == ("run-1", RunState.COMPLETED)
        with pytest.raises(RunBusy):
            await hitl.start_as("run-1", {}, within=60)
    assert shop.ledger.count("refund") == 1


async def test_who_does_not_wait_for_a_run_leaves_it_at_work(shop: Shop) -> None:
    go_on = asyncio.Event()

    async def app(_: Any) -> str:
        await go_on.wait()
        shop.ledger.write("done")
        return "done"

    async with shop.open(app) as hitl:
        run = await hitl.start_as("run-1", {}, within=0.001)
        assert run.state is RunState.RUNNING
        go_on.set()
    assert shop.ledger.count("done") == 1

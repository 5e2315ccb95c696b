"""Tools behind the gate: what is approved runs once as shown, what is not never runs, and the model is told."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command, RetryPolicy

from hitl_adapters.langgraph import Refused
from hitl_adapters.langgraph.mapping.messages import outcome_of, replayed
from hitl_adapters.plain import Refused as PlainRefused
from hitl_core.errors import HitlError, NoRun, ResultNotKept
from hitl_core.protocol import Executed, RunState
from hitl_core.tools import RETURNED
from tests.desk import ALL_GO_AND_BACK

from . import agents
from .desk import GO, Desk, answering, approve, editing, recorded, reject
from .played import PlayedModel, call

Made = Callable[..., Desk]
ONE = [[call("look_up", order="A"), call("refund", order="A", amount=12)], "done"]


def turns(*calls: Any) -> PlayedModel:
    return PlayedModel(turns=[list(calls), "done"])


@pytest.fixture(params=[agents.agent, agents.node_graph], ids=["middleware", "tool node"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


def refunds() -> list[tuple[str, Any]]:
    return [(each["order"], each["amount"]) for each in recorded() if each["effect"] == "refund"]


async def test_an_approved_call_runs_once_as_shown(desk: Made, way: Any) -> None:
    model = PlayedModel(turns=ONE)
    at = desk(way(model, [agents.look_up, agents.refund]), policy=agents.READS)
    run = await at.start(GO)
    assert [(r.action.tool, r.action.arguments) for r in run.pending] == [("refund", {"order": "A", "amount": 12})]
    run = await at.answer(run, approve)
    assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "done"})
    assert at.effects == ["looked", "refund"]
    assert model.told() == ["A cost 12", "paid 12.0 for A"]


async def test_an_edited_call_runs_with_types_kept_and_the_model_is_told(desk: Made, way: Any) -> None:
    model = turns(call("refund", order="A", amount=12))
    at = desk(way(model, [agents.refund]))
    await at.answer(await at.start(GO), editing(amount=7.5))
    assert refunds() == [("A", 7.5)]
    (told,) = model.told()
    assert '{"order": "A", "amount": 7.5}' in told
    assert "Do not repeat the original" in told
    assert told.endswith("paid 7.5 for A")


async def test_a_refused_call_never_runs_and_the_model_reads_why(desk: Made, way: Any) -> None:
    model = turns(call("refund", order="A", amount=12))
    at = desk(way(model, [agents.refund]))
    run = await at.answer(await at.start(GO), reject)
    assert (run.state, at.effects) == (RunState.COMPLETED, [])
    assert "too risky" in model.told()[0]


async def test_what_the_agent_says_to_a_question_is_shown_with_its_next_call(desk: Made, way: Any) -> None:
    first, second = call("refund", order="A", amount=12), call("refund", "refund-2", order="A", amount=7)
    model = PlayedModel(turns=[[first], AIMessage("It is the 2nd parcel.", tool_calls=[second]), "done"])
    at = desk(way(model, [agents.refund]))
    run = await at.answer(await at.start(GO), lambda request: request.ask("Which parcel?", by="ann"))
    (asked,) = run.pending[0].asked
    assert (asked.by, asked.question, asked.answer) == ("ann", "Which parcel?", "It is the 2nd parcel.")
    assert (at.effects, run.pending[0].context.message) == ([], "It is the 2nd parcel.")
    await at.answer(run, approve)
    assert refunds() == [("A", 7.0)]


async def test_an_answer_stands_for_the_result(desk: Made, way: Any) -> None:
    model = turns(call("refund", order="A", amount=12))
    at = desk(way(model, [agents.refund]))
    run = await at.answer(await at.start(GO), answering("paid by hand"))
    assert (run.state, at.effects, model.told()) == (RunState.COMPLETED, [], ["paid by hand"])


@pytest.mark.parametrize("arguments", [{"order": "A", "amount": -1}, {"order": "A"}, {"order": "A", "amount": "much"}])
async def test_nobody_is_asked_about_invalid_arguments(desk: Made, way: Any, arguments: dict[str, Any]) -> None:
    model = turns(call("refund", **arguments))
    at = desk(way(model, [agents.refund]))
    run = await at.start(GO)
    assert (run.state, at.effects) == (RunState.COMPLETED, [])
    assert "amount" in model.told()[0]


async def test_nobody_is_asked_about_an_unknown_tool(desk: Made, way: Any) -> None:
    model = turns(call("delete_everything"))
    run = await desk(way(model, [agents.refund])).start(GO)
    assert run.state is RunState.COMPLETED
    assert "delete_everything" in model.told()[0]


async def test_two_identical_calls_need_two_answers(desk: Made, way: Any) -> None:
    model = turns(call("refund", "1", order="A", amount=12), call("refund", "2", order="A", amount=12))
    at = desk(way(model, [agents.refund]))
    run = await at.start(GO)
    assert len(run.pending) == 2
    run = await at.answer(run, approve, reject)
    assert (run.state, refunds()) == (RunState.COMPLETED, [("A", 12)])
    assert [text.startswith("paid") for text in model.told()] == [True, False]


async def test_ids_that_a_local_model_repeats_at_every_turn_do_not_mix_up_turns(desk: Made, way: Any) -> None:
    again = [call("refund", "call_0", order="A", amount=12)]
    at = desk(way(PlayedModel(turns=[again, again, "done"]), [agents.refund]))
    run = await at.answer(await at.start(GO), approve)
    assert (run.state, len(run.pending), refunds()) == (RunState.PAUSED, 1, [("A", 12)])
    run = await at.answer(run, reject)
    assert (run.state, refunds()) == (RunState.COMPLETED, [("A", 12)])


async def test_the_approval_reaches_its_own_call_whichever_is_faster(desk: Made) -> None:
    """One ToolNode task hands an answer to whoever reaches interrupt() first (research §2.5, langgraph#6533)."""
    late = call("slow", "late", name="good", seconds=0.05)
    early = call("slow", "early", name="evil", seconds=0)
    at = desk(agents.node_graph(turns(late, early), [agents.slow]))
    run = await at.start(GO)
    assert [r.action.arguments["name"] for r in run.pending] == ["good", "evil"]
    run = await at.answer(run, approve, reject)
    assert (run.state, [each["name"] for each in recorded()]) == (RunState.COMPLETED, ["good"])


async def test_a_call_beside_one_that_waits_comes_to_its_end(desk: Made, way: Any) -> None:
    model = turns(call("refund", order="A", amount=12), call("slow", name="x", seconds=0.1))
    policy = agents.READS.replace("look_up", "slow")
    at = desk(way(model, [agents.refund, agents.slow]), policy=policy)
    run = await at.start(GO)
    assert (len(run.pending), at.effects) == (1, ["slow"])
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["slow", "refund"])
    assert model.told() == ["paid 12.0 for A", "x"]


async def test_a_tool_that_asks_by_itself_once_it_is_approved(desk: Made, way: Any) -> None:
    """Its question must not be answered by whatever woke the gate."""
    model = turns(call("asks_inside", order="A"))
    at = desk(way(model, [agents.asks_inside]))
    run = await at.answer(await at.start(GO), approve)
    assert [(r.title, at.effects) for r in run.pending] == [("Whose account?", ["began"])]
    run = await at.answer(run, answering("Ada"))
    assert (run.state, run.error, recorded()[-1]) == (RunState.COMPLETED, "", {"effect": "paid", "to": "Ada"})
    assert model.told() == ["paid to Ada"]


async def test_a_tool_that_raises_fails_the_run_and_is_not_tried_again(desk: Made, way: Any) -> None:
    model = turns(call("breaks", order="A"))
    at = desk(way(model, [agents.breaks]))
    run = await at.answer(await at.start(GO), approve)
    assert run.state is RunState.FAILED
    assert "the bank is closed" in run.error
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["breaks"])
    assert "the bank is closed" in model.told()[0]


async def test_a_retry_policy_does_not_repeat_a_gated_effect(desk: Made) -> None:
    model = turns(call("breaks", order="A"))
    policy = RetryPolicy(max_attempts=3, initial_interval=0.01, jitter=False, retry_on=RuntimeError)
    at = desk(agents.node_graph(model, [agents.breaks], retry_policy=policy))
    run = await at.answer(await at.start(GO), approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["breaks"])
    assert "failed" in model.told()[0]


async def test_a_command_that_a_tool_returns_is_kept_and_noted(desk: Made, way: Any) -> None:
    model = turns(call("tells", order="A"))
    at = desk(way(model, [agents.tells]))
    run = await at.answer(await at.start(GO), editing(order="B"))
    assert (run.state, run.error, at.effects) == (RunState.COMPLETED, "", ["tells"])
    assert model.told()[0].startswith("A person changed this call")
    assert model.told()[0].endswith("told about B")


async def test_a_graph_invoked_without_us_runs_no_gated_tool(desk: Made, way: Any) -> None:
    graph = way(turns(call("refund", order="A", amount=12)), [agents.refund])(InMemorySaver())
    with pytest.raises(NoRun, match="refund"):
        await graph.ainvoke(GO, {"configurable": {"thread_id": "x"}})
    assert recorded() == []


# ── functions in plain nodes ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("build", [agents.with_functions, agents.with_sync_functions], ids=["async", "sync"])
async def test_a_gated_function_in_a_node(desk: Made, build: Any) -> None:
    at = desk(build)
    given = {"order": "A", "amount": 12.0}
    run = await at.start(given)
    assert run.pending[0].action.arguments == given
    run = await at.answer(run, editing(amount=7.0))
    assert (run.state, run.output, refunds()) == (RunState.COMPLETED, {**given, "out": "paid 7.0"}, [("A", 7.0)])
    run = await at.answer(await at.start(given), reject)
    assert "too risky" in cast("Any", run.output)["out"]
    assert len(refunds()) == 1


BOTH = pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])


@BOTH
async def test_a_gated_function_that_raises_is_the_same_refusal_on_replay(desk: Made, sync: bool) -> None:
    """An app that catches it must go the same way in every turn, or its places would not be found again."""
    at = desk(agents.catches(sync), policy=agents.ALL_GO, harmless=("fails",))
    run = await at.start({})
    run = await at.answer(run, approve)
    assert (run.state, run.error, at.effects) == (RunState.COMPLETED, "", ["tried"])
    told = "This call was tried and failed: ValueError: no money"
    assert cast("Any", run.output)["out"] == [told, told]


@pytest.mark.parametrize(("amount", "rows", "told"), [(12.0, 1, "booked 12.0"), (500.0, 0, "tried and failed")])
async def test_a_gated_function_can_be_transactional(desk: Made, amount: float, rows: int, told: str) -> None:
    at = desk(agents.books)
    run = await at.answer(await at.start({"order": "A", "amount": amount}), approve)
    assert (run.state, run.error) == (RunState.COMPLETED, "")
    assert told in cast("Any", run.output)["out"]
    with contextlib.closing(sqlite3.connect(at.folder / "store.db")) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE name = 'bookings'").fetchall()
        assert len(database.execute("SELECT * FROM bookings").fetchall() if tables else []) == rows


def test_a_refusal_is_one_error_in_every_adapter() -> None:
    assert issubclass(Refused, HitlError)
    assert (Refused.code, Refused) == ("HITL-E05", PlainRefused)


# ── graphs that only run in threads ──────────────────────────────────────────────────────────────────────────


def in_threads(folder: Path) -> Any:
    @contextmanager
    def opened() -> Any:
        connection = sqlite3.connect(folder / "threads.db", check_same_thread=False)
        try:
            yield SqliteSaver(connection)
        finally:
            connection.close()

    class Both:
        async def __aenter__(self) -> Any:
            self.inner = opened()
            return self.inner.__enter__()

        async def __aexit__(self, *error: Any) -> None:
            self.inner.__exit__(*error)

    return Both()


@pytest.mark.parametrize(
    ("say", "paid"), [(approve, [("A", 12)]), (editing(amount=7.5), [("A", 7.5)]), (reject, []), (answering("ok"), [])]
)
async def test_a_sync_agent_with_a_sync_saver(desk: Made, say: Any, paid: list[Any]) -> None:
    model = turns(call("refund", order="A", amount=12))
    at = desk(agents.agent(model, [agents.sync_refund]), saver=in_threads)
    run = await at.answer(await at.start(GO), say)
    assert (run.state, run.error, refunds()) == (RunState.COMPLETED, "", paid)


async def test_a_process_that_has_not_run_it_knows_how_a_gated_function_is_undone(desk: Made) -> None:
    at = desk(agents.with_an_undo, policy=ALL_GO_AND_BACK)
    run = await at.start({"order": "A"})
    async with at.open() as hitl:
        undoing = await hitl.undo(run.id, by="ann")
    assert undoing.whole, undoing.calls
    assert [(each["effect"], each.get("receipt")) for each in recorded()] == [("refund", None), ("unpay", "paid for A")]


async def test_the_undo_of_a_native_tool_is_given_what_it_returned(desk: Made, way: Any) -> None:
    model = turns(call("refund", order="A", amount=12))
    at = desk(way(model, [agents.refund]), policy=ALL_GO_AND_BACK, undo={"refund": agents.unpay})
    run = await at.start(GO)
    async with at.open() as hitl:
        undoing = await hitl.undo(run.id, by="ann")
    assert undoing.whole, undoing.calls
    assert [each["receipt"] for each in recorded() if each["effect"] == "unpay"] == ["paid 12.0 for A"]


def test_a_result_that_has_no_json_form_says_that_the_tool_ran() -> None:
    message = ToolMessage(content="paid", tool_call_id="1", artifact=object())
    results: list[Any] = [message, [message], Command(update={"seen": object()})]
    for result in results:
        with pytest.raises(ResultNotKept, match="It ran, but its result cannot be kept"):
            outcome_of(result)


def test_of_a_neutral_tool_what_it_returned_is_kept_and_beside_it_what_was_made_of_that_on_the_way() -> None:
    plain, masked = ToolMessage('{"id": 7}', tool_call_id="1"), ToolMessage("***", tool_call_id="1")
    assert outcome_of(plain, "changed", returned=[{"id": 7}]) == Executed({"id": 7})
    made = outcome_of(masked, returned=[{"id": 7}])
    assert isinstance(made, Executed)
    assert cast("Any", made.result)[RETURNED] == {"id": 7}
    assert cast("Any", replayed(cast("Any", None), made.result)).content == "***"

"""Client tools in plain Python: a function calls what its run was started with, and gets what was answered."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.commands import EraseRun, GetRun
from hitl_core.errors import AppChanged, CapabilityNotSupported, ConfigError, ToolsRefused
from hitl_core.protocol import ClientTool, Kind, Reply, RunState
from hitl_core.runtime import Runtime
from hitl_core.stores.sqlite.upkeep import SqliteUpkeep
from tests.core.shop import Shop, decide, only, policy, refund_tool, rule

PICK = ClientTool(
    name="pickColour",
    description="Let the user pick a colour.",
    parameters={
        "type": "object",
        "properties": {"of": {"type": "array", "items": {"type": "string"}}},
        "required": ["of"],
        "additionalProperties": False,
    },
)


async def picks(input: Any) -> Any:
    try:
        return await gate.ask_page("pickColour", {"of": input or ["red", "blue"]})
    except Refused as exc:
        return f"refused: {exc}"


async def test_its_call_is_a_request_and_the_answer_is_its_result(shop: Shop) -> None:
    async with shop.open(picks) as hitl:
        run = await hitl.start(None, tools=(PICK,))
        request = only(run)
        assert (request.kind, request.title) == (Kind.INPUT, "Let the user pick a colour.")
        assert (request.action.tool, request.action.arguments) == ("pickColour", {"of": ["red", "blue"]})
        assert request.allowed == (Reply.ANSWER, Reply.REJECT, Reply.CANCEL)
        assert (await decide(hitl, run, "answer", {"colour": "red", "sure": None})).output == {
            "colour": "red",
            "sure": None,
        }
        assert await hitl.effects(run.id) == ()


@pytest.mark.parametrize("answer", ["red", "", [1, 2], None, False])
async def test_whatever_is_answered_is_the_result(shop: Shop, answer: Any) -> None:
    async with shop.open(picks) as hitl:
        assert (await decide(hitl, await hitl.start(None, tools=(PICK,)), "answer", answer)).output == answer


async def test_a_rejection_reaches_the_function(shop: Shop) -> None:
    async with shop.open(picks) as hitl:
        run = await decide(hitl, await hitl.start(None, tools=(PICK,)), "reject", "I do not like colours.")
        assert "I do not like colours." in str(run.output)


@pytest.mark.parametrize("level", ["autonomous", "notify"])
async def test_no_policy_lets_it_go_on_without_people(shop: Shop, level: str) -> None:
    shop.policy = policy(rule("free", match={"tool": "pickColour"}, level=level, allow_irreversible="a test"))
    async with shop.open(picks) as hitl:
        run = await hitl.start(None, tools=(PICK,))
        assert (run.state, only(run).kind) == (RunState.PAUSED, Kind.INPUT)


async def test_a_policy_denies_it(shop: Shop) -> None:
    shop.policy = policy(rule("no", why="not today", match={"tool": "pickColour"}, effect="deny"))
    async with shop.open(picks) as hitl:
        assert "not today" in str((await hitl.start(None, tools=(PICK,))).output)


async def test_silence_refuses(shop: Shop) -> None:
    shop.policy = policy(rule("soon", match={"tool": "pickColour"}, level="confirm", deadline="1h"))
    async with shop.open(picks) as hitl:
        run = await hitl.start(None, tools=(PICK,))
        shop.clock.advance(3601)
        await hitl.tick()
        assert "Nobody decided before the deadline" in str((await hitl.resume(run.id)).output)


async def test_arguments_that_do_not_fit_are_told_and_nobody_is_asked(shop: Shop) -> None:
    async with shop.open(picks) as hitl:
        run = await hitl.start([1], tools=(PICK,))
        assert (run.state, run.pending) == (RunState.COMPLETED, ())
        assert "of[0]: 1 is not of type 'string'" in str(run.output)


async def test_two_calls_side_by_side_get_each_its_answer(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        calls = [gate.ask_page("pickColour", {"of": [of]}) for of in ("red", "blue")]
        return await gate.together(*calls)

    async with shop.open(app) as hitl:
        run = await hitl.start(None, tools=(PICK,))
        red, blue = run.pending
        await hitl.respond(blue.answer("navy", by="ann"))
        assert (await hitl.resume(run.id)).pending == (red,)
        await hitl.respond(red.answer("pink", by="ann"))
        assert (await hitl.resume(run.id)).output == ["pink", "navy"]


async def test_another_process_has_the_same_tools(shop: Shop) -> None:
    async with shop.open(picks) as hitl:
        run = await hitl.start(None, tools=(PICK,))
    async with shop.open(picks) as hitl:
        assert (await hitl.run(run.id)).tools == (PICK,)
        assert (await hitl.runs()).items[0].tools == (PICK,)
        assert (await decide(hitl, await hitl.run(run.id), "answer", "red")).output == "red"


async def test_the_function_sees_what_it_may_call(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        return [each.name for each in gate.client_tools]

    async with shop.open(app) as hitl:
        assert (await hitl.start(None, tools=(PICK,))).output == ["pickColour"]
        assert (await hitl.start(None)).output == []


async def test_a_tool_that_the_run_has_not_is_named(shop: Shop) -> None:
    async with shop.open(picks) as hitl:
        run = await hitl.start(None)
        assert run.state is RunState.FAILED
        assert "without a client tool 'pickColour'; it has: none" in run.error


async def test_one_with_the_name_of_a_tool_of_the_app_is_refused_before_anything_is_opened(shop: Shop) -> None:
    refund = refund_tool(shop.ledger)

    async def app(input: Any) -> Any:
        return await refund("A", 1.0)

    app.tools = (refund,)  # type: ignore[attr-defined]  # a function that says what it may call
    async with shop.open(app) as hitl:
        with pytest.raises(ToolsRefused, match=r"tools\.refund: is the name of a tool of the app"):
            await hitl.start(None, tools=(ClientTool(name="refund"),))
        assert (await hitl.runs()).items == ()


async def test_a_function_that_is_guarded_under_its_name_while_it_runs_is_refused(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        return await refund_tool(shop.ledger)("A", 1.0)

    async with shop.open(app) as hitl:
        run = await hitl.start(None, tools=(ClientTool(name="refund"),))
        assert (run.state, shop.ledger.count()) == (RunState.FAILED, 0)
        assert ConfigError.code in run.error


async def test_an_app_that_has_taken_its_name_meanwhile_has_changed(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        return await gate.ask_page("refund", {})

    async with shop.open(app) as hitl:
        run = await hitl.start(None, tools=(ClientTool(name="refund"),))

    async def changed(input: Any) -> Any:
        return await refund("A", 1.0)

    refund = refund_tool(shop.ledger)
    changed.tools = (refund,)  # type: ignore[attr-defined]  # as above
    async with shop.open(changed) as hitl:
        await hitl.respond(only(run).answer("yes", by="ann"))
        run = await hitl.resume(run.id)
        assert (run.state, shop.ledger.count()) == (RunState.FAILED, 0)
        assert AppChanged.code in run.error


async def test_they_go_with_their_run(shop: Shop) -> None:
    async with shop.open(picks) as hitl:
        run = await decide(hitl, await hitl.start(None, tools=(PICK,)), "answer", "red")
        await hitl.store.apply(EraseRun(run.id, by="ann", reason="asked", now=shop.clock.now()))
        assert (await hitl.store.fetch(GetRun(run.id))).tools == ()
    assert SqliteUpkeep.of(shop.folder / "shop.db").check() == ()


async def test_a_backend_without_room_refuses_by_name(shop: Shop) -> None:
    from hitl_adapters.plain import PlainAdapter
    from hitl_core.apps import AppSource
    from hitl_core.capabilities import Capability, absent
    from hitl_core.tools import Catalogue

    made = PlainAdapter(AppSource.of(picks), catalogue=Catalogue())
    made.capabilities = {**made.capabilities, Capability.CLIENT_TOOLS: absent("a test")}
    async with shop.open(None, adapter=made) as hitl:
        with pytest.raises(CapabilityNotSupported, match="client_tools"):
            await hitl.start(None, tools=(PICK,))
        assert isinstance(hitl, Runtime)
        assert (await hitl.runs()).items == ()

"""One story, told to a runtime that is here and to one behind a real server: the same effects, the same results."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from hitl_core import connect, connect_blocking
from hitl_core.client import RemoteRuntime, Server
from hitl_core.commands import ForgetWorker, GetRequest, GetRun, ListRequests, ListRuns, ListWorkers, StopScope
from hitl_core.contracts import every
from hitl_core.errors import (
    AlreadyDecided,
    CapabilityNotSupported,
    CasesInvalid,
    ConfigError,
    DraftMoved,
    GrantNotGiven,
    NotCanonical,
    NotPermitted,
    PolicyInvalid,
    ResponseRefused,
    RunNotFound,
    Stopped,
    TooLarge,
    ToolsRefused,
)
from hitl_core.policy import Policy
from hitl_core.protocol import Allowance, ClientTool, LiveKind, RunState
from hitl_core.runtime import Runtime
from hitl_core.testing.clock import START
from tests.core.shop import Shop, only
from tests.server.api.calling import Api, api, program
from tests.server.site import served

OTHER_POLICY = Policy.from_toml('[[rules]]\nid = "no"\nwhy = "a test"\nmatch = { tool = "refund" }\neffect = "deny"\n')
PICK = ClientTool(name="pickColour", description="Let the user pick a colour.")
NOT_OF_A_CLIENT = {
    *("claim", "drive", "holds", "loads", "at_home"),  # a worker's
    *("start_as", "going_on", "before_close"),  # a server's
    *("store", "directory", "catalogue"),  # the server's own
}


@dataclass
class Told:
    """A place where the story happens. `ann` starts, `ben` decides; each sees a runtime of their own."""

    shop: Shop
    ann: Runtime
    ben: Runtime


@asynccontextmanager
async def here(folder: Path) -> AsyncIterator[Told]:
    async with api(Shop(folder)) as made:
        yield Told(made.shop, made.hitl, made.hitl)


@asynccontextmanager
async def elsewhere(folder: Path) -> AsyncIterator[Told]:
    async with (
        api(Shop(folder)) as made,
        served(made.door) as port,
        _client(made, port, "ann") as ann,
        _client(made, port, "ben") as ben,
    ):
        yield Told(made.shop, ann, ben)


def _client(made: Api, port: int, name: str) -> Runtime:
    made.door.known[name] = program(name)
    return cast("Runtime", RemoteRuntime(Server(f"http://127.0.0.1:{port}", name)))


@pytest.fixture(params=[here, elsewhere], ids=["here", "elsewhere"])
async def told(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Told]:
    place: Callable[[Path], AbstractAsyncContextManager[Told]] = request.param
    async with place(tmp_path) as made:
        yield made


async def test_a_refund_is_edited_paid_and_taken_back(told: Told) -> None:
    run = await told.ann.start({"order": "A-7", "amount": 80.5}, by="ann")
    assert (run.state, run.started_by, told.shop.ledger.count()) == (RunState.PAUSED, "ann", 0)
    request = only(run)
    (settled,) = (await told.ben.inbox(by="ben")).items
    assert settled.request == request
    assert await told.ben.preview(request, {"order": "A-7", "amount": 60.5}) is None
    said = await told.ben.comment(request.id, "half of it", by="ben")
    assert await told.ann.comments(request.id) == (said,)
    recorded = await told.ben.respond(request.edit({"order": "A-7", "amount": 60.5}, by="ben", reason="half"))
    assert (recorded.run_state, recorded.replayed) == (RunState.READY, False)
    with pytest.raises(AlreadyDecided, match="ben"):
        await told.ann.respond(request.reject("no", by="ann"))
    run = await told.ann.wait(run.id)
    assert (run.state, cast("dict[str, Any]", run.output)["said"]) == (RunState.COMPLETED, "paid 60.5")
    (effect,) = await told.ann.effects(run.id)
    assert effect.result == "paid 60.5"
    undoing = await told.ben.undo(run.id, by="ben", reason="wrong order")
    assert [each.tool for each in undoing.calls] == ["refund"]
    assert [each.run for each in await told.ann.undos(run.id)] == [undoing.run]
    override = await told.ben.override(run.id, "taken back", by="ben", reason="it was")
    assert await told.ann.overrides(run.id) == (override,)
    assert [each["amount"] for each in told.shop.ledger.lines("refund")] == [60.5]


async def test_a_letter_is_drafted_together(told: Told) -> None:
    request = only(await told.ann.start({"do": "letter"}, by="ann"))
    version = await told.ben.change_draft(request.id, {"text": "Dear Ms Doe"}, base=1, by="ben", note="a name")
    with pytest.raises(DraftMoved):
        await told.ben.change_draft(request.id, {"text": "Hello"}, base=1, by="ben")
    assert (await told.ann.draft(request.id))[-1] == version
    await told.ben.respond(request.accept(version, by="ben"))
    run = await told.ann.wait(request.run_id)
    assert run.state is RunState.COMPLETED
    assert [each["text"] for each in told.shop.ledger.lines("letter")] == ["Dear Ms Doe"]


async def test_many_are_answered_at_once_and_a_grant_spares_the_rest(told: Told) -> None:
    asked = [only(await told.ann.start({"order": f"A-{number}"}, by="ann")) for number in range(2)]
    assert [each.request for each in await told.ben.alike(asked[0].id)] == asked
    batch = await told.ben.respond_many([each.reject("not now", by="ben") for each in asked])
    assert all(each.recorded for each in batch.answers)
    third = only(await told.ann.start({}, by="ann"))
    allows = Allowance(tool="refund", times=1)
    recorded, grant = await told.ben.respond_and_grant(third.approve(by="ben"), allows, lasts=timedelta(hours=1))
    assert recorded.settled.request == third
    assert [each.id for each in await told.ann.grants()] == [grant.id]
    run = await told.ann.start({}, by="ann")
    assert (run.state, told.shop.ledger.count("refund")) == (RunState.COMPLETED, 1)
    assert (await told.ben.revoke_grant(grant.id, by="ben")).revoked_by == "ben"


async def test_a_page_brings_a_tool_along(told: Told) -> None:
    run = await told.ann.start({"do": "page"}, by="ann", tools=[PICK])
    assert run.tools == (await told.ben.run(run.id)).tools == (PICK,)
    await told.ann.respond(only(run).answer({"colour": "red"}, by="ann"))
    assert cast("dict[str, Any]", (await told.ann.wait(run.id)).output)["said"] == {"colour": "red"}
    events = [event async for event in told.ann.stream({"do": "page"}, by="ann", tools=[PICK])]
    assert events[-1].kind is LiveKind.PAUSED
    assert (await told.ben.run(events[-1].run_id)).tools == (PICK,)
    bad = ClientTool(name="pickColour", parameters={"type": "object", "properties": 3})
    for start in (told.ann.start, _streams(told.ann)):
        with pytest.raises(ToolsRefused, match="is no JSON Schema"):
            await start({"do": "page"}, by="ann", tools=[bad])
        with pytest.raises(ToolsRefused, match="is given twice"):
            await start({"do": "page"}, by="ann", tools=[PICK, PICK])
    assert len((await told.ann.runs()).items) == 2


def _streams(hitl: Runtime) -> Callable[..., Any]:
    async def stream(input: Any, **how: Any) -> None:
        async for _ in hitl.stream(input, **how):
            pass

    return stream


async def test_things_are_held_back_and_let_go(told: Told) -> None:
    request = only(await told.ann.start({}, by="ann"))
    assert await told.ben.stop(StopScope.TOOL, "refund", by="ben", reason="prices") == 1
    assert [each.target for each in await told.ann.stops()] == ["refund"]
    with pytest.raises(ResponseRefused) as refused:
        await told.ben.respond(request.approve(by="ben"))
    assert refused.value.code == "HITL-D04"
    assert await told.ben.lift(StopScope.TOOL, "refund", by="ben", reason="fine") == 1
    assert await told.ann.reach(StopScope.ALL)
    await told.ben.respond(request.approve(by="ben"))
    assert (await told.ben.revoke(request.id, by="ben", reason="wait")).state == "revoked"
    assert (await told.ben.steer(request.run_id, "be brief", by="ben")).text == "be brief"
    assert [each.text for each in await told.ann.guidance(request.run_id)] == ["be brief"]
    run = await told.ben.cancel(request.run_id, by="ben", reason="enough")
    assert run.state is RunState.CANCELLED
    assert told.shop.ledger.count() == 0
    assert (await told.ben.erase(run.id, by="ben", reason="asked for")).id == run.id


async def test_the_policy_is_asked(told: Told) -> None:
    asked: dict[str, Any] = {"tool": "refund", "arguments": {"order": "A", "amount": 1}}
    assert (await told.ann.policy()).rules[0].id == "refunds"
    assert (await told.ann.explain(asked)).ruling.rule == "refunds"
    assert (await told.ann.explain(asked, policy=OTHER_POLICY)).ruling.denied
    await told.ann.start({}, by="ann")
    assert (await told.ann.backtest(OTHER_POLICY)).changed == 1
    with pytest.raises(CasesInvalid):
        await told.ann.explain({"tol": "refund"})


async def test_errors_are_the_same(told: Told) -> None:
    for call in (told.ann.run("nothing"), told.ann.resume("nothing"), told.ann.cancel("nothing", by="ann")):
        with pytest.raises(RunNotFound):
            await call
    assert await told.ann.effects("nothing") == ()
    assert await told.ann.comments("nothing") == ()
    with pytest.raises(NotCanonical):
        await told.ann.start({"x": object()})
    with pytest.raises(TooLarge):
        await told.ann.start("x" * 1_100_000)
    run = await told.ann.start({}, by="ann")
    with pytest.raises(ResponseRefused) as refused:
        await told.ben.respond(only(run).edit({"order": 7, "amount": "much"}, by="ben"))
    assert {fault.path for fault in refused.value.faults} >= {"arguments.order", "arguments.amount"}
    with pytest.raises(CapabilityNotSupported) as missing:
        await told.ann.rewind(run.id, by="ann")
    assert missing.value.capability == "undo_by_fork"
    with pytest.raises(GrantNotGiven):  # what a letter is asks for more than a grant can spare
        await told.ben.grant(Allowance(tool="letter", times=1), by="ben", lasts=timedelta(days=4_000))
    await told.ben.stop(StopScope.ALL, by="ben", reason="a test")
    with pytest.raises(Stopped):
        await told.ann.start({})


async def test_live_events_are_the_same(told: Told) -> None:
    kinds = [event.kind async for event in told.ann.stream({"do": "look"})]
    assert kinds[0] is LiveKind.STARTED
    assert kinds[-1] is LiveKind.COMPLETED
    (run,) = (await told.ann.runs()).items
    assert [event async for event in told.ann.stream_resume(run.id)] == []
    await told.ben.stop(StopScope.ALL, by="ben", reason="a test")
    with pytest.raises(Stopped):
        _ = [event async for event in told.ann.stream({"do": "look"})]


async def test_upkeep_is_the_same(told: Told) -> None:
    await told.ann.start({"do": "look"})
    asked = await told.ann.start({})
    assert await told.ann.tick() == 0
    assert await told.ann.attach() is not None
    waiting = await told.ben.workload(seconds=30)
    assert (waiting.at, waiting.load.open, waiting.pace.seconds) == (told.shop.clock.now(), 1, 30)
    (decision,) = (await told.ben.account(asked.id)).decisions
    assert decision.title == "Refund (approval)"
    with pytest.raises(RunNotFound):
        await told.ben.account("gone")
    assert await told.ben.retain(older_than=timedelta(seconds=60), by="ben") == 0


# ── what is a client's own ───────────────────────────────────────────────────────────────────────────────────


def test_it_has_every_method_of_the_runtime_with_its_signature() -> None:
    theirs = {name: each for name, each in inspect.getmembers(Runtime) if not name.startswith("_")}
    for name in theirs.keys() - NOT_OF_A_CLIENT - {"clock"}:
        assert inspect.signature(getattr(RemoteRuntime, name)) == inspect.signature(theirs[name]), name
    assert theirs.keys() >= NOT_OF_A_CLIENT


async def test_nobody_acts_under_another_name(tmp_path: Path) -> None:
    async with elsewhere(tmp_path) as told:
        request = only(await told.ann.start({}))
        for call in (
            told.ann.respond(request.approve(by="ben")),
            told.ann.inbox(by="ben"),
            told.ann.request(request.id, by="ben"),
            told.ann.stop(StopScope.ALL, by="ben", reason="x"),
            told.ann.start({}, by="ben"),
        ):
            with pytest.raises(NotPermitted, match="'ben'"):
                await call
        assert (await told.ben.request(request.id)).state == "open"


async def test_what_is_the_servers_own_is_refused_by_name(tmp_path: Path) -> None:
    async with elsewhere(tmp_path) as told:
        run = await told.ann.start({})
        store = told.ann.store
        assert [each.id async for each in every(store, ListRuns())] == [run.id]
        assert [each.request async for each in every(store, ListRequests())] == [only(run)]
        assert await store.fetch(GetRun(run.id)) == run
        assert (await store.fetch(GetRequest(only(run).id))).request == only(run)
        for query in (ListWorkers(), ListRuns(tenant="acme"), ListRequests(users=("ben",))):
            with pytest.raises(ConfigError, match="is where the server"):
                await store.fetch(query)
        with pytest.raises(ConfigError, match="is where the server"):
            await store.apply(ForgetWorker("w", START))
        with pytest.raises(ConfigError, match="is where the server"):
            _ = told.ann.adapter
        with pytest.raises(PolicyInvalid, match="cannot be sent"):
            await told.ann.backtest(Policy())


async def test_a_configuration_with_a_server_gives_its_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HITL_TOKEN", raising=False)
    async with api(Shop(tmp_path)) as made, served(made.door) as port:
        made.door.known["t-1"] = program("ann")
        (tmp_path / "token").write_text("t-1\n")
        config = tmp_path / "hitl.toml"
        config.write_text(f'[store]\nurl = "http://127.0.0.1:{port}"\ntoken_file = "token"\n')
        async with connect(config) as hitl:
            run = await hitl.start({"do": "look"})
            assert (await hitl.run(run.id)).state is RunState.COMPLETED

        def script() -> tuple[str, RunState]:
            with connect_blocking(config) as blocking:
                return blocking.me().id, blocking.wait(run.id).state

        assert await asyncio.to_thread(script) == ("ann", RunState.COMPLETED)

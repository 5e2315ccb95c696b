"""The sync face: every method of it, on a real configuration, without an event loop."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hitl_core import connect_blocking
from hitl_core.blocking import BlockingRuntime
from hitl_core.commands import StopScope
from hitl_core.errors import CapabilityNotSupported, ConfigError, ResponseRefused
from hitl_core.policy import Policy
from hitl_core.protocol import Allowance, Level, RunState, UndoState
from hitl_core.runtime import Runtime

APP = """
from hitl_adapters.plain import gate

@gate.guard
async def refund(order: str) -> str:
    return f"paid {order}"

async def app(input):
    return await refund(input["order"])
"""
CONFIG = '[backend]\nname = "plain"\napp = "blocking_desk:app"\n'


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "blocking_desk.py").write_text(APP)
    (tmp_path / "hitl.toml").write_text(CONFIG)
    return tmp_path / "hitl.toml"


def test_a_script_goes_from_start_to_end(config: Path) -> None:
    with connect_blocking(config) as hitl:
        assert hitl.attach() == ()
        run = hitl.start({"order": "A-1"}, by="cleo")
        (settled,) = hitl.inbox().items
        assert hitl.request(settled.request.id).request == settled.request
        assert hitl.preview(settled.request, {"order": "A-2"}) is None, "the tool has no code for it"
        assert hitl.respond(settled.request.approve(by="ann")).run_state is RunState.READY
        run = hitl.resume(run.id)
        assert (run.output, hitl.wait(run.id), hitl.run(run.id)) == ("paid A-1", run, run)
        assert [each.id for each in hitl.runs().items] == [run.id]
        assert [effect.call for effect in hitl.effects(run.id)] == ["refund#1"]
        assert hitl.transcript(run.thread).items == (), "nobody has asked for it to be kept"
        (decision,) = hitl.account(run.id).decisions
        assert decision.title == "Refund (approval)"
        load = hitl.workload(seconds=3600.0)
        assert (load.load.open, load.pace.decided, load.workers) == (0, 1, ())


def test_a_script_can_hold_things_back(config: Path) -> None:
    with connect_blocking(config) as hitl:
        run = hitl.start({"order": "A-1"})
        assert hitl.stop(StopScope.ALL, by="bob", reason="audit") == 1
        assert [stop.by for stop in hitl.stops()] == ["bob"]
        assert hitl.lift(StopScope.ALL, by="bob", reason="fine") == 1
        request = hitl.inbox().items[0].request
        with pytest.raises(ResponseRefused):
            hitl.respond(request.choose("x", by="ann"))
        hitl.respond(request.approve(by="ann"))
        hitl.revoke(request.id, by="bob")
        given = hitl.steer(run.id, "be brief", by="bob")
        assert hitl.guidance(run.id) == (given,)
        with pytest.raises(CapabilityNotSupported):
            hitl.rewind(run.id, by="bob")
        assert hitl.tick() == 0
        assert hitl.cancel(run.id, by="bob").state is RunState.CANCELLED
        assert hitl.erase(run.id, by="bob", reason="asked to").input is None
        assert hitl.retain(older_than=timedelta(days=1), by="bob") == 0


def test_a_script_can_put_a_request_off(config: Path) -> None:
    with connect_blocking(config) as hitl:
        hitl.start({"order": "A-1"})
        (settled,) = hitl.inbox().items
        hitl.defer(settled.request.id, until=datetime.now(UTC) + timedelta(hours=2), by="ann")
        assert hitl.inbox().items == ()
        assert [each.request for each in hitl.inbox(deferred=True).items] == [settled.request]


def test_a_script_can_take_things_back(config: Path) -> None:
    with connect_blocking(config) as hitl:
        run = hitl.start({"order": "A-1"})
        hitl.respond(hitl.inbox().items[0].request.approve(by="ann"))
        assert hitl.wait(run.id).state is RunState.COMPLETED
        undoing = hitl.undo(run.id, by="bob")
        assert [each.state for each in undoing.calls] == [UndoState.NOT_UNDOABLE]
        assert hitl.undone(undoing.run.id) == undoing
        made = hitl.override(run.id, "nothing", by="bob", reason="wrong")
        assert hitl.overrides(run.id) == (made,)
        assert any(each.reached for each in hitl.reach(StopScope.ALL))


SHARED = """
from hitl_adapters.plain import gate

@gate.guard(reversible=True)
async def note(text: str) -> str:
    return f"noted {text}"

async def app(input):
    return await note(input["text"])
"""
RULES = """
[[rules]]
id = "notes"
why = "People look at notes."
match = { tool = "note", reversible = true }
when = { argument = "text", starts_with = "a" }
level = "confirm"
batch = true

[[rules]]
id = "drafts"
why = "Notes are written together."
match = { tool = "note" }
when = { argument = "text", starts_with = "d" }
level = "collaborate"
"""


@pytest.fixture
def notes(config: Path) -> Path:
    (config.parent / "notes_desk.py").write_text(SHARED)
    (config.parent / "policy.toml").write_text(RULES)
    config.write_text(CONFIG.replace("blocking_desk", "notes_desk") + '[policy]\nfile = "policy.toml"\n')
    return config


def test_a_script_can_speak_about_requests_and_change_drafts(notes: Path) -> None:
    with connect_blocking(notes) as hitl:
        run = hitl.start({"text": "d1"})
        request = run.pending[0]
        said = hitl.comment(request.id, "a bit long", by="ann")
        assert hitl.comments(request.id) == (said,)
        made = hitl.change_draft(request.id, {"text": "d"}, base=1, by="ann", note="shorter")
        assert [each.number for each in hitl.draft(request.id)] == [1, made.number]
        hitl.cancel(run.id, by="ann")
        erased = hitl.erase_person("ann", by="root", reason="asked to")
        assert hitl.comments(request.id)[0].by.id == erased.name


def test_a_script_can_grant_and_answer_together(notes: Path) -> None:
    with connect_blocking(notes) as hitl:
        first, second = (hitl.start({"text": text}) for text in ("a1", "a2"))
        assert {each.request.run_id for each in hitl.alike(first.pending[0].id)} == {first.id, second.id}
        answered = hitl.respond_many([second.pending[0].reject("no", by="ann")]).answers
        assert [each.refused for each in answered] == [None]
        allows = Allowance(tool="note", times=1)
        _, given = hitl.respond_and_grant(first.pending[0].approve(by="ann"), allows, lasts=timedelta(hours=1))
        other = hitl.grant(allows, by="ann", lasts=timedelta(hours=1))
        assert [each.id for each in hitl.grants()] == [other.id, given.id]
        assert hitl.revoke_grant(other.id, by="ann").revoked_by == "ann"
        hitl.resume(first.id)
        assert hitl.start({"text": "a3"}).state is RunState.COMPLETED
        assert hitl.undos(first.id) == ()


def test_a_script_can_ask_the_policy(notes: Path) -> None:
    with connect_blocking(notes) as hitl:
        hitl.start({"text": "a1"})
        assert hitl.explain({"tool": "note", "arguments": {"text": "a1"}}).ruling.rule == "notes"
        changed = Policy.from_toml(RULES.replace('id = "notes"', 'id = "other"'))
        assert (hitl.backtest(changed).actions, hitl.backtest(changed).changed) == (1, 0)


def test_a_script_can_see_the_policy(notes: Path) -> None:
    with connect_blocking(notes) as hitl:
        policy = hitl.policy()
        assert ("notes", Level.CONFIRM, False) in [(each.id, each.level, each.denies) for each in policy.rules]
        assert policy.text == (notes.parent / "policy.toml").read_text()


def test_a_wrong_configuration_is_refused_here_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError), connect_blocking(tmp_path / "missing.toml"):
        pass


def test_it_has_every_coroutine_of_the_runtime_that_a_script_needs() -> None:
    theirs = {name for name, method in inspect.getmembers(Runtime) if inspect.iscoroutinefunction(method)}
    ours = {name for name in vars(BlockingRuntime) if not name.startswith("_")}
    work = {"close", "claim", "drive", "at_home"}  # what workers do, and what the `with` does
    work |= {"start_as", "going_on"}  # what servers do
    assert {name for name in theirs if not name.startswith("_")} - work == ours - {"me"}  # of a server's runtime


def test_where_no_server_is_asked_nobody_has_come_with_a_token(config: Path) -> None:
    with (
        connect_blocking(config) as hitl,
        pytest.raises(ConfigError, match=r"store\.url: is a store that this process"),
    ):
        hitl.me()

"""The sync face: every method of it, on a real configuration, without an event loop."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from hitl_core import connect_blocking
from hitl_core.blocking import BlockingRuntime
from hitl_core.commands import StopScope
from hitl_core.errors import CapabilityNotSupported, ConfigError, ResponseRefused
from hitl_core.protocol import RunState
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
            hitl.undo(run.id, by="bob")
        assert hitl.tick() == 0
        assert hitl.cancel(run.id, by="bob").state is RunState.CANCELLED


def test_a_wrong_configuration_is_refused_here_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError), connect_blocking(tmp_path / "missing.toml"):
        pass


def test_it_has_every_coroutine_of_the_runtime_that_a_script_needs() -> None:
    theirs = {name for name, _ in inspect.getmembers(Runtime, inspect.iscoroutinefunction)}
    ours = {name for name in vars(BlockingRuntime) if not name.startswith("_")}
    work = {"close", "claim", "drive"}  # what workers do, and what the `with` does
    assert {name for name in theirs if not name.startswith("_")} - work == ours

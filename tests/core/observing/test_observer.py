"""The seam: who observes is told of everything, may mark what travels, and can harm nothing."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from hitl_core.commands import OpenRun, ReadLoad
from hitl_core.contracts import Completed, Paused, Store, formats_of
from hitl_core.errors import StoreUnavailable
from hitl_core.observing import ObservedAdapter, ObservedStore, observed, telemetry
from hitl_core.observing.observer import Done
from hitl_core.protocol import RunState
from hitl_core.testing.clock import START
from tests.core.observing.watched import watched
from tests.core.shop import Shop, one_refund, only


class Witness:
    """An observer that keeps what it is told, and fails where it is asked to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.seen: list[str] = []
        self.endings: list[object] = []
        self.fails = fails

    def _see(self, what: str) -> None:
        self.seen.append(what)
        if self.fails:
            raise RuntimeError("an observer broke")

    def opened(self, store: Store) -> None:
        self._see("opened")

    def before(self, command: Any) -> Any:
        self._see(f"before {type(command).__name__}")
        if isinstance(command, OpenRun):
            return replace(command, run=command.run.model_copy(update={"mark": "seen"}))
        return command

    def after(self, asked: Any, result: Any, seconds: float) -> None:
        assert seconds >= 0
        self._see(f"after {type(asked).__name__}")

    def failed(self, asked: Any, error: Exception, seconds: float) -> None:
        self._see(f"failed {type(asked).__name__} {type(error).__name__}")

    def taken_up(self, claimed: Any, answered: Sequence[Any]) -> None:
        self._see(f"taken up {[str(each.response.decision.type) for each in answered]}")

    def turn(self, turn: Any) -> AbstractContextManager[Done]:
        return self._turn()

    @contextmanager
    def _turn(self) -> Any:
        def ended(how: object) -> None:
            self.endings.append(how)
            self._see("a turn ended")

        yield ended


async def test_commands_queries_turns_and_answers_are_seen(shop: Shop) -> None:
    witness = Witness()
    async with watched(shop, one_refund(shop.ledger), witness) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        run = await hitl.resume(run.id)
        with pytest.raises(LookupError):
            await hitl.run("nobody")
        with pytest.raises(LookupError):
            await hitl.cancel("nobody", by="ann")
        await hitl.store.changed(timeout=0)
    seen = {"before OpenRun", "after OpenRun", "after PauseRun", "taken up ['approve']", "after GetRun"}
    assert seen <= {*witness.seen}
    assert "failed GetRun RunNotFound" in witness.seen
    assert [type(each) for each in witness.endings] == [Paused, Completed]
    assert run.model_extra == {"mark": "seen"}, "what an observer marks travels with the run"


async def test_an_observer_that_breaks_harms_nothing(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    async with watched(shop, one_refund(shop.ledger), Witness(fails=True)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
        with pytest.raises(LookupError):
            await hitl.run("nobody")
    assert shop.ledger.count("refund") == 1
    lost = {record.getMessage() for record in caplog.records if record.name == "hitl_core.observing"}
    assert lost == {
        "a measurement was lost",
        "how a turn ended was lost",
        "the trace of a command was lost",
        "what a run goes on with was lost",
    }


@pytest.mark.parametrize("where", ["on its way in", "on its way out"])
async def test_an_observer_around_a_turn_breaks_itself_alone(shop: Shop, where: str) -> None:
    class Around(Witness):
        @contextmanager
        def _turn(self) -> Any:
            if where == "on its way in":
                raise RuntimeError(where)
            yield lambda how: None
            raise RuntimeError(where)

    witness = Witness()
    async with watched(shop, one_refund(shop.ledger), Around(), witness) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann"))
        assert (await hitl.resume(run.id)).state is RunState.COMPLETED
    assert shop.ledger.count("refund") == 1
    assert [type(each) for each in witness.endings] == [Paused, Completed]


async def test_a_failure_is_not_kept_by_an_observer_around_it(shop: Shop) -> None:
    class Keeping(Witness):
        @contextmanager
        def _turn(self) -> Any:
            with suppress(BaseException):
                yield lambda how: None

    async def breaks(input: Any) -> Any:
        raise RuntimeError("no turn")

    async with watched(shop, one_refund(shop.ledger), Keeping()) as hitl:
        adapter: Any = hitl.adapter
        adapter.inner.advance = breaks
        assert (await hitl.start(None)).error == "RuntimeError: no turn"


async def test_what_a_turn_raises_is_told_and_raised(shop: Shop) -> None:
    witness, broke = Witness(), RuntimeError("no turn")
    async with watched(shop, one_refund(shop.ledger), witness) as hitl:
        adapter: Any = hitl.adapter

        async def advance(turn: Any) -> Any:
            raise broke

        adapter.inner.advance = advance
        assert (await hitl.start(None)).state is RunState.FAILED
    assert witness.endings == [broke]


async def test_an_observed_adapter_and_store_are_what_they_were(shop: Shop) -> None:
    async with watched(shop, one_refund(shop.ledger), Witness()) as hitl:
        adapter: Any = hitl.adapter
        store: Any = hitl.store
        run = await hitl.start(None)
        assert (adapter.name, adapter.capabilities) == (adapter.inner.name, adapter.inner.capabilities)
        assert formats_of(adapter) == formats_of(adapter.inner) == (run.checkpoint_format,)
        assert store.custody is store.inner.custody
        assert await adapter.cancel(run, None) is None
        with pytest.raises(Exception, match="plain"):
            await adapter.rewind(run, None)


async def test_where_nobody_observes_there_is_nothing_in_the_way(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        assert observed(hitl.store, hitl.adapter, ()) == (hitl.store, hitl.adapter)
        witness = Witness(fails=True)
        store, adapter = observed(hitl.store, hitl.adapter, (witness,))
        assert (type(store), type(adapter)) == (ObservedStore, ObservedAdapter)
        assert witness.seen == ["opened"]
        assert (await store.fetch(ReadLoad())).open == 0


async def test_a_store_that_is_away_is_away_for_who_asks(shop: Shop) -> None:
    witness = Witness()

    class Away:
        async def fetch(self, query: Any) -> Any:
            raise StoreUnavailable("away")

    store = ObservedStore(Away(), (witness,))  # type: ignore[arg-type]  # as much of a store as this needs
    with pytest.raises(StoreUnavailable):
        await store.fetch(ReadLoad())
    assert witness.seen == ["failed ReadLoad StoreUnavailable"]


# ── OpenTelemetry, where it is not: tests/observing tries it where it is ─────────────────────────────────────


@pytest.fixture
def no_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in sys.modules if name.split(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "hitl_core.observing.otel", raising=False)
    for name in ("OTEL_PYTHON_TRACER_PROVIDER", "OTEL_PYTHON_METER_PROVIDER"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_who_has_not_imported_opentelemetry_does_not_pay_for_it(no_opentelemetry: pytest.MonkeyPatch) -> None:
    assert telemetry(lambda: START) == ()
    assert "hitl_core.observing.otel" not in sys.modules


@pytest.mark.parametrize("how", ["imported in part", "named in the environment"])
def test_without_opentelemetry_nothing_is_traced(no_opentelemetry: pytest.MonkeyPatch, how: str) -> None:
    no_opentelemetry.setitem(sys.modules, "opentelemetry", types.ModuleType("opentelemetry"))
    if how != "imported in part":
        no_opentelemetry.setenv("OTEL_PYTHON_TRACER_PROVIDER", "sdk_tracer_provider")
    assert telemetry(lambda: START) == ()


def test_a_mistake_of_ours_is_not_taken_for_a_missing_package(no_opentelemetry: pytest.MonkeyPatch) -> None:
    no_opentelemetry.setitem(sys.modules, "opentelemetry", types.ModuleType("opentelemetry"))
    no_opentelemetry.setitem(sys.modules, "hitl_core.observing.otel", None)
    with pytest.raises(ImportError, match=r"hitl_core\.observing"):
        telemetry(lambda: START)


def test_with_it_its_observers_are_asked_for(no_opentelemetry: pytest.MonkeyPatch) -> None:
    made = types.ModuleType("hitl_core.observing.otel")
    made.telemetry = lambda now: ("tracing",)  # type: ignore[attr-defined]  # a module that a test makes
    no_opentelemetry.setitem(sys.modules, "opentelemetry", types.ModuleType("opentelemetry"))
    no_opentelemetry.setitem(sys.modules, "hitl_core.observing.otel", made)
    import hitl_core.observing as door

    no_opentelemetry.setattr(door, "otel", made, raising=False)
    found: Any = telemetry(lambda: START)
    assert found == ("tracing",)

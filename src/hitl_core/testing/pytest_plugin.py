"""pytest's side of it: fixtures for users' own tests, the conformance suite, kills, stories of people, and storms.

pytest_plugins = ["hitl_core.testing.pytest_plugin"]        # in conftest.py

class TestMine(ConformanceSuite):
    kit = MyKit()

class TestMineKilled(KillSuite):
    kit = MyKit()

class TestMineOverseen(OverseenSuite):
    kit = MyKit()

class TestMineInAStorm(StormSuite):
    kit = MyKit()
    store = "postgresql://me@localhost/scratch"

Each keeps its runs in files; with `store = "postgresql://…"`, or a fixture `hitl_store` that returns it, there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import pytest

from ..config import Config, connect
from ..config.config import DEFAULT_FILE
from ..runtime import Runtime
from .clock import ManualClock
from .conformance import Behaviour, Kit, Trial, chosen
from .conformance.installed import capabilities_of
from .kills import Hunt
from .overseen import STORIES, Office
from .scripted_model import Script, ScriptedModel, Step
from .storm import Storm


@pytest.fixture
def hitl_clock() -> ManualClock:
    """A clock that only the test moves: `connect(config, clock=hitl_clock)`."""
    return ManualClock()


@pytest.fixture
def hitl_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hitl_clock: ManualClock
) -> Callable[..., AbstractAsyncContextManager[Runtime]]:
    """`async with hitl_app("hitl.toml") as hitl:` the configured app, on the test's clock and with files of its own.

    Its store, and what a framework keeps beside it, is in the test's folder, whatever the configuration or
    HITL_STORE_URL say. Opened again in the same test, it is what another process would see. Further arguments replace
    fields of the Config: `policy=…`, `options=…`.
    """

    def opened(config: str | Path | Config = DEFAULT_FILE, **changes: Any) -> AbstractAsyncContextManager[Runtime]:
        found = config if isinstance(config, Config) else Config.load(config)
        monkeypatch.syspath_prepend(str(found.app.folder or found.folder))
        own = {"store_url": "sqlite:///hitl.db", "folder": tmp_path, "app": replace(found.app, folder=tmp_path)}
        return connect(replace(found, **{**own, **changes}), clock=hitl_clock)

    return opened


@pytest.fixture
def hitl_model() -> Iterator[Callable[..., ScriptedModel]]:
    """`hitl_model(Step(…), Step(…))`: a running OpenAI-compatible server that says these things, in order."""
    with ExitStack() as stack:

        def started(*steps: Step, script: Script | None = None) -> ScriptedModel:
            return stack.enter_context(ScriptedModel(script or Script.of(*steps), log_bodies=True))

        yield started


class Stored:
    """Where a suite keeps the runs of its kit."""

    store: ClassVar[str] = ""

    @pytest.fixture(scope="class")
    @classmethod
    def hitl_store(cls) -> str:
        """The database in which whatever is tried gets a store of its own; "" for a file each.

        A subclass may override it with a fixture that depends on others.
        """
        return cls.store


class ConformanceSuite(Stored):
    """Every behaviour as a test of `kit`. Subclass it; `xfail` says which are known to fail, and why."""

    kit: ClassVar[Kit]
    xfail: ClassVar[Mapping[str, str]] = MappingProxyType({})

    @pytest.fixture(scope="class")
    @classmethod
    def trial(cls, hitl_store: str) -> Iterator[Trial]:
        """The adapter on trial; its processes are shared by all behaviours."""
        with Trial(cls.kit, store=hitl_store) as trial:
            yield trial

    @pytest.mark.parametrize("tried", chosen(), ids=lambda each: f"{each.promise}-{each.name}")
    def test_behaviour(self, tried: Behaviour, trial: Trial, request: pytest.FixtureRequest) -> None:
        """The behaviour passes, or is refused by name as declared."""
        if tried.name in self.xfail:
            request.applymarker(pytest.mark.xfail(reason=self.xfail[tried.name], strict=True))
        result = trial.of(tried)
        assert result.outcome.good, f"{tried.sentence} {result.outcome.value}: {result.because}"


class KillSuite(Stored):
    """Runs of `kit` that are killed at random places; see `hitl_core.testing.kills`.

    The seed stays the same, so that a test that fails does so for what was changed. Hunt with new ones elsewhere.
    """

    kit: ClassVar[Kit]
    kills: ClassVar[int] = 6
    seed: ClassVar[int] = 6

    def test_killed_at_random(self, tmp_path: Path, hitl_store: str) -> None:
        """No effect twice, none unapproved, no model call again but one in flight, and the run comes to its end."""
        with Hunt(self.kit, tmp_path, store=hitl_store) as hunt:
            hunted = hunt.until(self.kills, seed=self.seed)
        assert not hunted.broken, str(hunted)


class StormSuite(Stored):
    """Many processes over `kit` on one server, killed and frozen at random; see `hitl_core.testing.storm`.

    It needs a PostgreSQL server (`store`, or the fixture `hitl_store`); one that may be stopped has a fixture
    `hitl_restart`, which returns a function that stops it as a crash does and starts it again.
    """

    kit: ClassVar[Kit]
    seconds: ClassVar[float] = 20.0
    seed: ClassVar[int] = 1

    @pytest.fixture(scope="class")
    @classmethod
    def hitl_restart(cls) -> Callable[[], None] | None:
        """How the server is restarted; None for one that is left alone. Override it."""
        return None

    def test_storm(self, tmp_path: Path, hitl_store: str, hitl_restart: Callable[[], None] | None) -> None:
        """Nothing is lost, nothing happens twice or unapproved, the chain is intact, every run comes to its end."""
        stormed = Storm(self.kit, tmp_path, hitl_store, self.seconds, self.seed, restart=hitl_restart).blow()
        assert not stormed.faults, str(stormed)


class OverseenSuite(Stored):
    """What people do over an agent of `kit`, each in a process of its own; see `hitl_core.testing.overseen`."""

    kit: ClassVar[Kit]

    @pytest.fixture(scope="class")
    @classmethod
    def office(cls, tmp_path_factory: pytest.TempPathFactory, hitl_store: str) -> Iterator[Office]:
        """Where the stories are told; the parent of all their processes is shared by them."""
        with Office(cls.kit, tmp_path_factory.mktemp("office"), store=hitl_store) as office:
            yield office

    @pytest.mark.parametrize("name", STORIES)
    def test_story(self, name: str, office: Office) -> None:
        """The story comes out as it was promised; one that the adapter declares it cannot play is skipped by name."""
        lacks = STORIES[name].lacks(capabilities_of(self.kit.backend))
        if lacks:
            pytest.skip(f"{self.kit.backend} does not have {', '.join(lacks)}")
        STORIES[name].tell(office)

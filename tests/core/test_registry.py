"""Names to classes: unknown, not installed, broken and doubly offered are four different refusals."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from hitl_core.config import registry
from hitl_core.config.registry import ADAPTERS, CHANNELS, STORES, known, load
from hitl_core.errors import AdapterConflict, AdapterNotFound, AdapterNotInstalled

Offer = Callable[..., None]


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """What is registered is remembered for the life of a process; each test begins and ends without."""
    known.cache_clear()
    yield
    known.cache_clear()


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Let the installed packages offer these names under `hitl_core.adapters`."""

    def offer(*entries: tuple[str, str]) -> None:
        found = [EntryPoint(name, value, ADAPTERS) for name, value in entries]
        monkeypatch.setattr(registry, "entry_points", lambda *, group: found)

    return offer


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a third party's adapter package; returns its module."""

    def package(source: str) -> str:
        (tmp_path / "their_adapter.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "their_adapter", raising=False)
        return "their_adapter"

    return package


def test_what_is_installed_is_listed_without_importing_it() -> None:
    assert {"plain", "langgraph"} <= known(ADAPTERS).keys()
    assert "sqlite" in known(STORES)
    assert "console" in known(CHANNELS)


def test_a_known_name_is_loaded() -> None:
    assert load(CHANNELS, "console").__name__ == "ConsoleChannel"


def test_an_unknown_name_lists_the_known_ones(offer: Offer) -> None:
    offer(("plain", "a:b"), ("crewai", "c:d"))
    with pytest.raises(AdapterNotFound, match=r"nothing named 'langraph' in hitl_core\.adapters; known: crewai, plain"):
        load(ADAPTERS, "langraph")


def test_if_nothing_is_known_that_is_said(offer: Offer) -> None:
    offer()
    with pytest.raises(AdapterNotFound, match="known: nothing"):
        load(ADAPTERS, "plain")


def test_a_missing_framework_gives_the_line_that_installs_it(offer: Offer, package: Callable[[str], str]) -> None:
    offer(("theirs", f"{package('import no_such_framework.graph')}:Adapter"))
    with pytest.raises(AdapterNotInstalled, match=r"'no_such_framework'.*pip install 'hitl-core\[theirs\]'"):
        load(ADAPTERS, "theirs")


@pytest.mark.parametrize(
    "source",
    ["import their_adapter.mising", "import hitl_core.no_such_room", "import hitl_adapters.no_such_shelf"],
)
def test_a_typo_of_ours_never_reads_as_please_install(offer: Offer, package: Callable[[str], str], source: str) -> None:
    offer(("theirs", f"{package(source)}:Adapter"))
    with pytest.raises(ModuleNotFoundError) as raised:
        load(ADAPTERS, "theirs")
    assert not isinstance(raised.value, AdapterNotInstalled)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("1 / 0", ZeroDivisionError),
        ("raise ModuleNotFoundError('by hand')", ModuleNotFoundError),
        ("from json import no_such_name", ImportError),
        ("", AttributeError),
    ],
)
def test_a_broken_package_shows_its_own_error(
    offer: Offer, package: Callable[[str], str], source: str, error: type[Exception]
) -> None:
    offer(("theirs", f"{package(source)}:Adapter"))
    with pytest.raises(error) as raised:
        load(ADAPTERS, "theirs")
    assert not isinstance(raised.value, AdapterNotInstalled)


def test_two_packages_that_offer_one_name_are_refused(offer: Offer) -> None:
    offer(("plain", "ours:Adapter"), ("plain", "theirs:Adapter"))
    with pytest.raises(AdapterConflict, match="ours:Adapter and theirs:Adapter"):
        load(ADAPTERS, "plain")


def test_one_package_that_is_seen_twice_is_no_conflict(offer: Offer) -> None:
    offer(
        ("console", "hitl_core.channels.console:ConsoleChannel"),
        ("console", "hitl_core.channels.console:ConsoleChannel"),
    )
    assert load(ADAPTERS, "console").__name__ == "ConsoleChannel"

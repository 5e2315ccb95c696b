"""Both stores, as they are used: a file, and a real server. At the end, the table with the verdict on each scenario."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hitl_core.testing.processes import Processes
from tests.faults import warm
from tests.faults.places import SQLITE, Place
from tests.faults.scenarios import FULL, SCENARIOS, WAITS
from tests.postgres.server import a_schema, a_server

MEMORY = Path("/dev/shm")
STORES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """One PostgreSQL for all of them; who stops it has one of his own."""
    with a_server() as url:
        yield url


@pytest.fixture(scope="session")
def processes() -> Iterator[Processes]:
    """Who forks the processes of all tests but those of a framework."""
    with Processes(warm.__name__) as processes:
        yield processes


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is one: a killed process loses nothing there, and a disk flush costs nothing."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="hitl-faults-") as name:
        yield Path(name)


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest, folder: Path) -> Place:
    """Where this test has its store: once a file, once a schema of the server."""
    if request.param == "sqlite":
        return Place(SQLITE, folder)
    return Place(a_schema(request.getfixturevalue("server"), folder), folder)


@pytest.fixture
def on_sqlite(folder: Path) -> Place:
    return Place(SQLITE, folder)


@pytest.fixture
def on_postgres(server: str, folder: Path) -> Place:
    return Place(a_schema(server, folder), folder)


# ── the table ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Verdict:
    """What came of the tests of one scenario."""

    held: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Tests that did not run: those prove nothing."""

    def __str__(self) -> str:
        if self.broken:
            return "BROKEN"
        if self.missing or not self.held:
            return "NOT RUN"
        return "held"


VERDICTS: defaultdict[int, Verdict] = defaultdict(Verdict)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    for mark in item.iter_markers("scenario"):
        verdict = VERDICTS[mark.kwargs["number"]]
        verdict.seconds += report.duration
        verdict.held += report.when == "call" and report.passed
        if report.failed:
            verdict.broken.append(item.name)
        if report.skipped:
            verdict.missing.append(item.name)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not VERDICTS:
        return
    terminalreporter.section("scenarios" if FULL else "scenarios, in their short form")
    for number, scenario in SCENARIOS.items():
        if number in VERDICTS or FULL:
            verdict = VERDICTS[number]
            said = f"{number:3} {verdict!s:8}{verdict.seconds:6.1f} s  {scenario.done}"
            terminalreporter.write_line(f"{said}\n{'':22}-> {scenario.expected}")
            if number in WAITS:
                terminalreporter.write_line(f"{'':22}NOT THERE YET: {WAITS[number]}")
    verdicts = [str(verdict) for verdict in VERDICTS.values()]
    counts = ", ".join(f"{verdicts.count(word)} {word}" for word in ("held", "BROKEN", "NOT RUN"))
    terminalreporter.write_line(f"{len(SCENARIOS)} scenarios: {counts}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What did not run did not hold; where everything was to run, that is a failure."""
    asked = session.config.option.markexpr or session.config.option.keyword
    if FULL and not asked and any(str(VERDICTS[number]) != "held" for number in SCENARIOS):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

"""The lanes: each is one question asked in an environment of its own.

    make test                     every lane, three at a time
    make test LANES="core types"  some of them
    nox --list                    what they are

Run as a program (as `make` does) it ends with one line that says which lanes passed.
"""

from __future__ import annotations

import compileall
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nox

ROOT = Path(__file__).parent
NEWEST = "constraints/newest.txt"
LOWEST = "constraints/langgraph_lowest.txt"
OPENAI_AGENTS = "constraints/openai_agents.txt"
OPENAI_AGENTS_LOWEST = "constraints/openai_agents_lowest.txt"
AUTOGEN = "constraints/autogen.txt"
CREWAI = "constraints/crewai.txt"
TOGETHER = "constraints/together.txt"
PEERS = "constraints/peers.txt"
LANES = (
    "lint",
    "types",
    "core",
    "langgraph",
    "langgraph_lowest",
    "postgres",
    "faults",
    "server",
    "browser",
    "copilotkit",
    "openai_agents",
    "openai_agents_lowest",
    "crewai",
    "autogen",
    "together",
    "conformance",
    "docs",
    "bench_smoke",
    "wheel",
)
# Which lane's environment a report of docs/conformance comes from, and the adapter that it is about.
REPORTS = {
    "conformance": "plain",
    "langgraph": "langgraph",
    "langgraph_lowest": "langgraph",
    "openai_agents": "openai_agents",
    "openai_agents_lowest": "openai_agents",
    "crewai": "crewai",
    "autogen": "autogen",
}
# Parts of the benches that need no framework: what `make bench` measures, and keeps.
MEASURED = ("core", "million", "processes", "server", "dbos", "double", "peers", "growth", "observing", "inbox")
MADE = ROOT / ".nox"
SHOWN_LINES = 400
"""How much of what a lane printed is shown when it did not pass."""
MEMORY = Path("/dev/shm")  # noqa: S108  # each start makes a folder of its own inside
ROOM = 4 << 30
"""Bytes that have to be free there; what tests leave takes a tenth of it."""
ON_DISK = ("bench_smoke", "wheel")
"""Lanes whose folders lie where those of users do: one measures the disk, one tries what they install."""
LONGEST_FIRST = (
    *("langgraph", "postgres", "crewai", "core", "langgraph_lowest", "faults", "autogen", "openai_agents"),
    *(
        "copilotkit",
        "browser",
        "openai_agents_lowest",
        "server",
        "docs",
        "together",
        "bench_smoke",
        "conformance",
        "wheel",
        "types",
    ),
    "lint",
)
AT_ONCE = 3
"""Lanes at a time, for two cores: one of three waits, for a deadline, a server or a package."""
# Whoever sets it wants every lane to have run: one that cannot run where it is then counts as one that failed.
EVERY_LANE = "HITL_EVERY_LANE"
PYTHON_CODE = ("src", "tests", "examples", "bench", "noxfile.py")
FRAMEWORKS = ("langgraph", "langchain_core", "crewai", "autogen_agentchat", "agents", "openai")
# Frameworks that cannot be installed beside the others: their own lane checks the types of these paths.
TYPED_IN_ITS_LANE = {
    "openai_agents": (
        "src/adapters/hitl_adapters/openai_agents",
        "tests/openai_agents",
        "examples/existing_agents",
        "bench/openai_agents_figures.py",
    ),
    "crewai": (
        "src/adapters/hitl_adapters/crewai",
        "tests/crewai",
        "examples/existing_crews",
        "bench/crewai_figures.py",
    ),
    "autogen": (
        "src/adapters/hitl_adapters/autogen",
        "tests/autogen",
        "examples/existing_teams",
        "bench/autogen_figures.py",
    ),
}
# The core lane has no extra, and so no command line: what people do there over the plain adapter is another lane's.
AT_A_TERMINAL = "tests/plain/test_overseen.py"
# That each broken part is caught is tried where all frameworks are installed, and nowhere twice.
TEETH = "tests/conformance/test_teeth.py"
# What the lanes that are there once for each backend install: its extra, and its pins.
BACKENDS = {
    "plain": ("", NEWEST),
    "langgraph": ("langgraph", NEWEST),
    "crewai": ("crewai", CREWAI),
    "autogen": ("autogen", AUTOGEN),
    "openai_agents": ("openai_agents", OPENAI_AGENTS),
}
# What people, servers and our own processes do to each other does not depend on a framework's version.
TOLD_ONCE = (
    "test_breakpoints_killed.py",
    "test_every_boundary.py",
    "test_killed.py",
    "test_killed_at_random.py",
    "test_lessons.py",
    "test_nested_killed.py",
    "test_pages_killed.py",
    "test_on_a_server.py",
    "test_overseen.py",
    "test_place_of_state.py",
    "test_races.py",
    "test_refund_desk.py",
    "test_saver_on_postgres.py",
)
# The core lane proves first that its environment is what the lane's name says.
NO_FRAMEWORK = """
import importlib.util, sys
found = [name for name in sys.argv[1:] if importlib.util.find_spec(name)]
sys.exit(f"this lane must have no framework, found {found}" if found else print("no framework is installed"))
"""

NPM = ("examples/copilotkit", "tests/copilotkit/client")
"""What is made with npm: the pages first."""
_CODES = r"ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|ERR_SOCKET_TIMEOUT|E5\d\d"
NPM_UNREACHED = re.compile(rf"^npm \S+ code ({_CODES})$", re.MULTILINE)
"""How npm says that it has not come to the registry."""

EACH_BACKEND = (["kills"], ["promises"], ["storm"])
each_backend = nox.parametrize("backend", [nox.param(name, id=name) for name in BACKENDS])

os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")
os.environ.setdefault("UV_COMPILE_BYTECODE", "1")
os.environ["LANGSMITH_TRACING"] = "false"  # a developer's own tracing must not see, or slow, our tests
nox.needs_version = ">=2025.10"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = list(LANES)
nox.options.error_on_missing_interpreters = True


def install(session: nox.Session, *, extras: str = "", groups: tuple[str, ...], pins: str = NEWEST) -> None:
    """The project, editable, with these extras, dependency groups and pinned versions."""
    project = nox.project.load_toml("pyproject.toml")
    wanted = nox.project.dependency_groups(project, *groups)
    target = f".[{extras}]" if extras else "."
    session.install("--constraint", pins, "--build-constraint", NEWEST, "--editable", target, *wanted)


def pytest(session: nox.Session, *folders: str) -> None:
    session.run("python", "-m", "pytest", *(session.posargs or folders))


def mypy(session: nox.Session, *arguments: str) -> None:
    """With a cache of the lane's own: others, with other packages, write theirs at the same time."""
    session.run("mypy", *arguments, env={"MYPY_CACHE_DIR": f".mypy_cache/{session.name}"})


def install_with_server(session: nox.Session, backend: str) -> None:
    """A backend, and a PostgreSQL server for its runs."""
    extra, pins = BACKENDS[backend]
    extras = ",".join(filter(None, ("cli", "postgres", extra)))
    install(session, extras=extras, groups=("test", "langgraph" if extra == "langgraph" else "postgres"), pins=pins)


def without_stories(folder: str) -> list[str]:
    """The tests of an adapter that its framework's version can matter to."""
    return [folder, *(f"--ignore={folder}/{name}" for name in TOLD_ONCE if (ROOT / folder / name).exists())]


def without_kills(backend: str) -> list[str]:
    """Kills at random are in the storm of its `test_on_a_server.py`; `make kills` has more of them."""
    return [f"--ignore=tests/{backend}/test_killed_at_random.py"]


def smoke(session: nox.Session, *parts: str) -> None:
    """Every measurement of these parts once, small: the benches still work. Their numbers mean nothing."""
    if not session.posargs:
        session.run("python", "-m", "bench", "--smoke", *parts)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, its formatter, and changelog fragments that can be read."""
    wanted = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "lint")
    session.install("--constraint", NEWEST, *wanted)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("towncrier", "build", "--draft", "--version", "next", silent=True)


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict over everything that is Python here and needs no framework with a lane of its own for this."""
    groups = ("test", "langgraph", "types", "observing", "server", "browser")
    install(
        session,
        extras="cli,langgraph,server,client,terminal,notify,postgres,prometheus,agui,a2a,mcp",
        groups=groups,
    )
    session.install("--constraint", NEWEST, "nox")
    elsewhere = "|".join(f"^{path}(/|$)" for paths in TYPED_IN_ITS_LANE.values() for path in paths)
    mypy(session, "--exclude", elsewhere, *(path for path in PYTHON_CODE if (ROOT / path).exists()))


@nox.session
def core(session: nox.Session) -> None:
    """hitl_core and the plain adapter with no framework and no extra installed; every branch of the core covered."""
    install(session, groups=("test",))
    session.run("python", "-I", "-c", NO_FRAMEWORK, *FRAMEWORKS, log=False)
    session.run("coverage", "erase")
    tests = ("tests/core", "tests/plain", "tests/tree", f"--ignore={AT_A_TERMINAL}")
    session.run("coverage", "run", "-m", "pytest", *(session.posargs or tests))
    session.run("coverage", "combine", "--quiet")
    if not session.posargs:
        session.run("coverage", "report")


@nox.session
def langgraph(session: nox.Session) -> None:
    """The LangGraph adapter and the command line, on the newest pinned versions."""
    install(session, extras="cli,langgraph,server,agui", groups=("test", "langgraph"))
    pytest(session, "tests/langgraph", "tests/cli", "tests/tree/test_capabilities.py")


@nox.session
def langgraph_lowest(session: nox.Session) -> None:
    """The core, the adapter and the command line, on the oldest versions pyproject.toml admits."""
    install(session, extras="cli,langgraph", groups=("test", "langgraph"), pins=LOWEST)
    if not session.posargs:  # nor does what a store does to its rows, or what chance finds: a version differs by name
        once = ("not processes and not postgres and not hypothesis", "--ignore=tests/core/stores")
        session.run("python", "-m", "pytest", "-m", *once, "tests/core", "tests/plain", "tests/cli")
    pytest(session, *without_stories("tests/langgraph"))


@nox.session
def postgres(session: nox.Session) -> None:
    """The store on PostgreSQL, on a real server that the tests start; and what observes a runtime, on both stores."""
    install(session, extras="cli,postgres,otel,prometheus", groups=("test", "postgres", "observing"))
    pytest(session, "-m", "postgres", "tests/postgres", "tests/core/stores")
    if not session.posargs:
        pytest(session, "tests/observing")


@nox.session
def faults(session: nox.Session) -> None:
    """The 52 scenarios of tests/faults on both stores, with real processes; the long form is `make faults`."""
    install(session, extras="cli,langgraph,server,postgres", groups=("test", "langgraph"))
    patience = ("-o", "faulthandler_timeout=1800") if os.environ.get("HITL_FAULTS") == "all" else ()
    pytest(session, *patience, "tests/faults")  # in full, some tests work longer than one of the short form may hang


@nox.session
def server(session: nox.Session) -> None:
    """The inbox, its API, its messages, its client and `hitl serve`, over real sockets where that matters."""
    install(
        session,
        extras="cli,server,client,terminal,notify,postgres,prometheus,agui,a2a,mcp",
        groups=("test", "server"),
    )
    pytest(session, "tests/server", "tests/agui")


@nox.session
def browser(session: nox.Session) -> None:
    """The inbox in Debian's Chromium: the one on PATH, else one that is fetched into a folder of this lane."""
    chromium = a_chromium(session)
    groups = ("test", "server", "browser")
    install(session, extras="cli,server,client,terminal,notify,postgres,prometheus", groups=groups)
    session.run("python", "-m", "pytest", *(session.posargs or ["tests/browser"]), env={"HITL_CHROMIUM": chromium})


@nox.session
def copilotkit(session: nox.Session) -> None:
    """The pages of examples/copilotkit and AG-UI's own client, against each backend. Does not run without npm."""
    if shutil.which("npm") is None:
        session.skip("there is no npm: the pages cannot be built")
    chromium = a_chromium(session)
    install(
        session,
        extras="cli,agui,server,langgraph,crewai,autogen,openai_agents",
        groups=("test", "copilotkit"),
        pins=TOGETHER,
    )
    pages, client = (in_npm(session, ROOT / folder) for folder in NPM)
    with session.chdir(pages):
        session.run("npx", "tsc", "--noEmit", external=True)
        session.run("npx", "vite", "build", "--logLevel=error", external=True)
    env = {"HITL_CHROMIUM": chromium, "HITL_COPILOTKIT_DIST": f"{pages}/dist", "HITL_AGUI_CLIENT": str(client)}
    session.run("python", "-m", "pytest", *(session.posargs or ["tests/copilotkit"]), env=env)


def in_npm(session: nox.Session, folder: Path) -> Path:
    """A copy of a folder, with the packages that it names; other lanes read the tree meanwhile.

    Where the registry cannot be reached, the lane does not run, and says why.
    """
    copy = MADE / "npm" / folder.name
    shutil.copytree(folder, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules", "dist"))
    install = ["npm", "ci", "--no-progress", "--prefer-offline", "--loglevel=error"]
    made = subprocess.run(install, cwd=copy, capture_output=True, text=True, check=False)
    if made.returncode and (unreached := NPM_UNREACHED.search(made.stderr)):
        session.skip(f"npm has not come to the packages of {folder.name}: {unreached[1]}")
    if made.returncode:
        session.error(f"npm ci in {folder.name}:\n{made.stderr.strip()}")
    return copy


def a_chromium(session: nox.Session) -> str:
    """What starts it. Where it cannot be had, the lane does not run, and says why."""
    for name in ("chromium", "chromium-browser"):
        if there := shutil.which(name):
            return there
    fetch = [sys.executable, "scripts/private_chromium.py", str(MADE / "chromium")]
    fetched = subprocess.run(fetch, cwd=ROOT, capture_output=True, text=True, check=False)
    if fetched.returncode:
        session.skip(fetched.stderr.strip() or f"scripts/private_chromium.py ended with {fetched.returncode}")
    return fetched.stdout.strip()


@nox.session
def langgraph_kills(session: nox.Session) -> None:
    """kill -9 at every boundary of every kind of pause; the other lanes try a third. Not part of `make test`."""
    install(session, extras="cli,langgraph", groups=("test", "langgraph"))
    session.env["HITL_KILLS"] = "all"
    pytest(session, "tests/langgraph/test_every_boundary.py")


@nox.session
@each_backend
def kills(session: nox.Session, backend: str) -> None:
    """kill -9 at fifty random places, other ones each time: `nox -s "kills(crewai)" -- --seed 7`. See `make kills`."""
    extra, pins = BACKENDS[backend]
    install(session, extras=extra, groups=("test",), pins=pins)
    session.run("python", "-m", "hitl_core.testing.kills", backend, *session.posargs)


@nox.session
@each_backend
def promises(session: nox.Session, backend: str) -> None:
    """Every promise on a PostgreSQL server that is started for it. Not part of `make test`; see `make promises`."""
    install_with_server(session, backend)
    session.run("python", "-m", "tests.postgres.promises", backend, *session.posargs)


@nox.session
@each_backend
def storm(session: nox.Session, backend: str) -> None:
    """Four workers on a PostgreSQL server, killed at random for ten minutes, the server too. See `make storm`."""
    install_with_server(session, backend)
    session.run("python", "-m", "tests.postgres.storm", backend, *session.posargs)
    if backend == "plain" and not session.posargs:  # that a storm finds what is broken
        session.run("python", "-m", "pytest", "tests/postgres/test_storm.py", env={"HITL_STORM": "all"})


@nox.session
def openai_agents(session: nox.Session) -> None:
    """The OpenAI Agents adapter on the newest pinned version, and its types."""
    install(session, extras="cli,openai_agents", groups=("test", "types", "postgres"), pins=OPENAI_AGENTS)
    mypy(session, *TYPED_IN_ITS_LANE["openai_agents"])
    pytest(session, "tests/openai_agents", *without_kills("openai_agents"), "tests/tree/test_capabilities.py")


@nox.session
def openai_agents_lowest(session: nox.Session) -> None:
    """The OpenAI Agents adapter on the oldest version pyproject.toml admits."""
    install(session, extras="cli,openai_agents", groups=("test", "postgres"), pins=OPENAI_AGENTS_LOWEST)
    pytest(session, *without_stories("tests/openai_agents"))


@nox.session
def conformance(session: nox.Session) -> None:
    """The suite itself: stories in any order, and a third-party adapter passes; and the
    stories of people over the plain adapter."""
    install(session, extras="cli,langgraph", groups=("test", "langgraph"))
    pytest(session, "tests/conformance", f"--ignore={TEETH}", AT_A_TERMINAL)


@nox.session
def crewai(session: nox.Session) -> None:
    """The CrewAI adapter on the newest pinned versions, and its types."""
    install(session, extras="cli,crewai", groups=("test", "types", "postgres"), pins=CREWAI)
    mypy(session, *TYPED_IN_ITS_LANE["crewai"])
    pytest(session, "tests/crewai", *without_kills("crewai"), "tests/tree/test_capabilities.py")


@nox.session
def autogen(session: nox.Session) -> None:
    """The AutoGen adapter on the one version that it supports, and its types."""
    install(session, extras="cli,autogen", groups=("test", "types", "postgres"), pins=AUTOGEN)
    mypy(session, *TYPED_IN_ITS_LANE["autogen"])
    pytest(session, "tests/autogen", *without_kills("autogen"), "tests/tree/test_capabilities.py")


@nox.session
def together(session: nox.Session) -> None:
    """All four frameworks in one process, on the versions that go together; openai-agents is an older one here."""
    install(session, extras="cli,langgraph,crewai,autogen,openai_agents", groups=("test",), pins=TOGETHER)
    pytest(session, "tests/together", "tests/tree/test_capabilities.py", TEETH)


@nox.session
def docs(session: nox.Session) -> None:
    """The examples run, and so does the code in the documentation."""
    install(session, extras="cli,langgraph", groups=("test", "langgraph"))
    pytest(session, "tests/examples")


def with_peers(session: nox.Session) -> None:
    """The environment of the benches: LangGraph, a PostgreSQL server, and what we are compared with."""
    extras = "cli,langgraph,postgres,prometheus,server,client"
    install(session, extras=extras, groups=("test", "langgraph", "observing"))
    wanted = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "peers")
    session.install("--constraint", NEWEST, "--constraint", PEERS, *wanted)


@nox.session
def bench_smoke(session: nox.Session) -> None:
    """The benches of the core, of its peers and of LangGraph still work; `make bench-frameworks` runs the others."""
    with_peers(session)
    pytest(session, "tests/bench")
    smoke(session, *MEASURED, "langgraph")


@nox.session
def bench(session: nox.Session) -> None:
    """What the goals need, measured in full: a quarter of an hour on a quiet machine. Not part of `make test`."""
    with_peers(session)
    session.run("python", "-m", "bench", "--keep", *(session.posargs or MEASURED))


@nox.session
def bench_langgraph(session: nox.Session) -> None:
    """LangGraph raw and through us, in full."""
    with_peers(session)
    session.run("python", "-m", "bench", "--keep", "langgraph", *session.posargs)


@nox.session
def bench_openai_agents(session: nox.Session) -> None:
    """The same for OpenAI Agents."""
    install(session, extras="cli,openai_agents", groups=("test",), pins=OPENAI_AGENTS)
    session.run("python", "-m", "bench", "--keep", "openai_agents", *session.posargs)


@nox.session
def bench_crewai(session: nox.Session) -> None:
    """The same for CrewAI."""
    install(session, extras="cli,crewai", groups=("test",), pins=CREWAI)
    session.run("python", "-m", "bench", "--keep", "crewai", *session.posargs)


@nox.session
def bench_autogen(session: nox.Session) -> None:
    """The same for AutoGen."""
    install(session, extras="cli,autogen", groups=("test",), pins=AUTOGEN)
    session.run("python", "-m", "bench", "--keep", "autogen", *session.posargs)


@nox.session(reuse_venv=False)
def wheel(session: nox.Session) -> None:
    """sdist and wheel: the right files inside, and the wheel works where there is no source tree."""
    away = Path(session.create_tmp()).resolve()
    shutil.rmtree(away / "dist", ignore_errors=True)
    session.run("uv", "build", "--quiet", "--build-constraint", NEWEST, "--out-dir", str(away / "dist"))
    session.run("python", "-I", "tests/wheel/contents.py", str(away / "dist"), str(ROOT))
    (built,) = (away / "dist").glob("*.whl")
    session.install("--constraint", NEWEST, f"hitl-core[cli,langgraph] @ {built.as_uri()}")
    session.chdir(away)
    session.run("python", "-I", str(ROOT / "tests/wheel/smoke.py"), str(ROOT))


@nox.session
def constraints(session: nox.Session) -> None:
    """Renew constraints/: the newest versions that go together, and the oldest we say we support."""
    compile_ = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    compile_ += ["--no-header", "--no-annotate", "--no-emit-index-url", "--upgrade", "pyproject.toml"]
    extras = [f"--extra={extra}" for extra in ("langgraph", "cli")]
    others = [
        f"--extra={extra}"
        for extra in ("server", "client", "terminal", "postgres", "agui", "a2a", "mcp", "notify", "otel", "prometheus")
    ]
    session.run(*compile_, *extras, *others, "--group=dev", "--output-file", NEWEST)

    crew = ["--extra=crewai", "--extra=cli", "--group=test", "--group=types", "--group=postgres"]
    session.run(*compile_, *crew, "--output-file", CREWAI)

    # "Oldest" is said of what we ask for and of LangGraph's own family; the test tools stay new.
    oldest = str(Path(session.create_tmp()) / "oldest.txt")
    family = "constraints/langgraph_family.in"
    session.run(*compile_, family, *extras, "--resolution=lowest-direct", "--output-file", oldest)
    groups = ["--group=test", "--group=langgraph"]
    session.run(*compile_, *extras, *groups, "--constraint", oldest, "--output-file", LOWEST)

    own = ["--extra=openai_agents", "--extra=cli", "--group=test", "--group=types", "--group=postgres"]
    session.run(*compile_, *own, "--output-file", OPENAI_AGENTS)
    family = "constraints/openai_agents_lowest.in"
    session.run(*compile_, family, *own, "--output-file", OPENAI_AGENTS_LOWEST)
    session.run(*compile_, "--extra=autogen", "--extra=cli", "--group=dev", "--output-file", AUTOGEN)

    session.run(*compile_, "--extra=postgres", "--group=test", "--group=peers", "--output-file", PEERS)

    four = [f"--extra={extra}" for extra in ("langgraph", "crewai", "autogen", "openai_agents", "cli")]
    session.run(
        *compile_,
        *four,
        "--extra=agui",
        "--extra=server",
        "--group=test",
        "--group=copilotkit",
        "--output-file",
        TOGETHER,
    )


@nox.session(venv_backend="none")
def matrix(session: nox.Session) -> None:
    """Try every adapter in the environments that `make test` has made, and write docs/capabilities.md anew."""
    for lane, backend in REPORTS.items():
        name = f"{backend}{'_lowest' * lane.endswith('_lowest')}.json"
        files, server = f"docs/conformance/{name}", f"docs/conformance/postgres/{name}"
        session.run(f".nox/{lane}/bin/hitl", "conformance", backend, "--json", files, external=True)
        on_a_server = ("-m", "tests.postgres.promises", backend, "--json", server)
        session.run(f".nox/{lane}/bin/python", *on_a_server, external=True)
    session.run(".nox/conformance/bin/python", "scripts/generate_capabilities.py", external=True)


@nox.session
def changelog(session: nox.Session) -> None:
    """Show what the fragments in changes/ would add to CHANGELOG.md; changes nothing."""
    session.install("--constraint", NEWEST, "towncrier")
    session.run("towncrier", "build", "--draft", "--version", "next")


def verdict(asked: list[str], report: Path) -> tuple[bool, str]:
    """One line on the lanes asked for. A lane that did not run did not pass; why it could not is said by name."""
    sessions = json.loads(report.read_text())["sessions"] if report.exists() else []
    results = {session["name"]: session for session in sessions}
    ended = {lane: results.get(lane, {}).get("result", "not run") for lane in asked}
    bad = [f"{lane} ({result})" for lane, result in ended.items() if result not in ("success", "skipped")]
    left = [f"{lane}: not run ({_reason(results[lane])})" for lane, result in ended.items() if result == "skipped"]
    passed = f"passed: {len(asked) - len(bad) - len(left)} of {len(asked)} lanes"
    if bad or (left and os.environ.get(EVERY_LANE)):
        return False, "; ".join(["NOT PASSED: " + ", ".join([*bad, *left]), passed])
    if left:
        return True, f"NOT ALL RAN: {', '.join(left)}; {passed}"
    return True, f"all lanes passed: {', '.join(asked)}"


def _reason(session: dict[str, Any]) -> str:
    said = " ".join(str(session.get("reason") or "").split())
    return said.removeprefix(f"Session {session['name']} skipped: ").rstrip(".") or "it does not say why"


def compile_ours() -> None:
    """Once: where PYTHONDONTWRITEBYTECODE is set, each of the processes that tests start would do it for itself."""
    for path in PYTHON_CODE:
        if (ROOT / path).is_dir():
            compileall.compile_dir(ROOT / path, quiet=2)


def run(lanes: list[str], report: Path, **how: Any) -> int:
    """These lanes, one after the other, in a process of nox; its exit status."""
    report.parent.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "nox", "--report", str(report), "--session", *lanes]
    with in_memory(lanes) as place:
        return subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, **place}, **how).returncode


@contextmanager
def in_memory(lanes: Sequence[str]) -> Iterator[dict[str, str]]:
    """Where lanes have their folders, for the environment: a place that no other start of pytest touches, in memory,
    where a flush costs nothing (docs/decisions/0058).
    """
    if set(lanes) & set(ON_DISK) or not set(lanes) <= set(LANES) or not _has_room(MEMORY):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="hitl-", dir=MEMORY, ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # where root starts it, PostgreSQL runs as another user
        yield {"TMPDIR": folder}


def _has_room(place: Path) -> bool:
    """Whether it holds what tests write, and lets them execute it."""
    if not place.is_dir():
        return False
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC


def run_one(lane: str) -> list[dict[str, Any]]:
    """One of several lanes that run at once: what it prints goes to a file, and is shown here if it did not pass."""
    report, log, began = MADE / f"report-{lane}.json", MADE / f"{lane}.log", time.monotonic()
    MADE.mkdir(exist_ok=True)
    print(f"{lane} ...", flush=True)
    with log.open("w") as printed:
        returned = run([lane], report, stdout=printed, stderr=subprocess.STDOUT)
    took = f"{time.monotonic() - began:.0f} s"
    if returned:
        last = log.read_text(errors="replace").splitlines()[-SHOWN_LINES:]
        print("\n".join([f"{lane}: NOT PASSED after {took}; the end of {log.relative_to(ROOT)}:", *last]), flush=True)
    sessions = list(json.loads(report.read_text())["sessions"]) if report.exists() else []
    if not returned:
        ran = not any(session["result"] == "skipped" for session in sessions)
        print(f"{lane}: passed in {took}" if ran else f"{lane}: NOT RUN", flush=True)
    return sessions


def run_side_by_side(lanes: Sequence[str], report: Path) -> int:
    """Every lane in a process of its own, some at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sessions = [each for found in pool.map(run_one, lanes) for each in found]
    report.write_text(json.dumps({"sessions": sessions}))
    return 0


def main(asked: list[str]) -> int:
    """Lanes that were named run one after the other and print as they go; all of them run some at a time."""
    report = MADE / "report.json"
    compile_ours()
    named = [f"{asked[0]}({backend})" for backend in BACKENDS] if asked in EACH_BACKEND else asked
    returned = run(named, report) if named else run_side_by_side(LONGEST_FIRST, report)
    passed, line = verdict(named or list(LANES), report)
    print(f"\n{line}", flush=True)
    return 0 if passed and not returned else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

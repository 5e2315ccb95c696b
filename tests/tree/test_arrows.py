"""Import arrows point one way: each room has a rank, and imports only rooms of a lower rank."""

from __future__ import annotations

import sys

import pytest

from tests.tree.source import ADAPTERS, CORE, Import, When, imports, module_name, python_files

FRONT_DOOR = "(front door)"
RANK = {
    "errors": 0,
    "capabilities": 0,
    "clock": 0,
    "transient": 1,
    "logs": 1,
    "protocol": 1,
    "versions": 1,
    "policy": 2,
    "lifecycle": 2,
    "signatures": 1,
    "tools": 2,
    "quorum": 2,
    "checks": 3,
    "people": 3,
    "commands": 3,
    "apps": 4,
    "contracts": 4,
    "audit": 5,
    "stores": 6,
    "channels": 6,
    "gate": 7,
    "runtime": 9,
    "observing": 10,
    "wire": 11,
    "client": 12,
    "config": 13,
    "blocking": 14,
    "callers": 14,
    FRONT_DOOR: 15,
    "a2a": 15,
    "agui": 15,
    "mcp": 15,
    "server": 16,
    "cli": 17,
    "testing": 18,
}
# An arrow that points up may exist for types only, and only if it stands here with its reason.
UPWARD_TYPES = {
    ("contracts", "gate"): "a turn hands the adapter its gate",
}
# Who may open hitl_core.testing, and only inside a function or for types.
OPENS_TESTING = ("hitl_core.cli.demo.command", "hitl_core.cli.commands.conformance")

# Who is made for the suite, and opens it at the top: what a kit is, and the scenes that it plays.
KIT = "kit"
CONFORMANCE = "hitl_core.testing.conformance"

CORE_PACKAGES = {"pydantic", "pydantic_core", "jsonschema", "referencing", "rfc8785"}
EXTRA_PACKAGES = {
    "stores": {"psycopg", "psycopg_pool"},
    "channels": {"rich", "apprise", "slack_sdk", "standardwebhooks", "httpx"},
    "observing": {"prometheus_client"},
    "client": {"httpx", "httpx_sse"},
    "callers": {"starlette"},
    "a2a": {"a2a", "google", "starlette"},
    "mcp": {"mcp", "mcp_types", "starlette"},
    "server": {
        *("fastapi", "starlette", "uvicorn", "h11", "jinja2", "markupsafe", "python_multipart", "multipart"),
        *("sse_starlette", "authlib", "httpx", "ag_ui"),
        *("slack_sdk", "standardwebhooks"),  # in the hooks of routes, which need them to send
    },
    "agui": {"ag_ui", "starlette"},
    "cli": {"typer", "rich", "textual"},
    "testing": {"pytest", "hypothesis", "psycopg"},  # in its plugin, its stories in any order, a store on a server
}
OPTIONAL_ANYWHERE = {"opentelemetry"}

ADAPTER_MAY_OPEN = {
    *("errors", "capabilities", "protocol", "policy", "tools", "spec", "apps", "contracts", "gate", "versions"),
    "transient",  # whether what a framework has raised passes by itself
    *("commands", "lifecycle"),  # what the gate says about a request: its record and its state
    FRONT_DOOR,
}
FRAMEWORK_PACKAGES = {
    "plain": set[str](),
    "langgraph": {"langgraph", "langchain", "langchain_core", "langchain_openai"},
    "crewai": {"crewai"},
    "autogen": {"autogen_agentchat", "autogen_core", "autogen_ext"},
    "openai_agents": {"agents", "openai"},
}
# What a framework's own saver needs, which is opened here for an agent that is built from a spec.
OF_A_SAVER = {"langgraph": {"psycopg", "psycopg_pool"}}

CORE_FILES = python_files(CORE)
ADAPTER_FILES = python_files(ADAPTERS)
CORE_IMPORTS = [found for path in CORE_FILES for found in imports(path)]
ADAPTER_IMPORTS = [found for path in ADAPTER_FILES for found in imports(path)]


def room_of(module: str) -> str:
    """The room of a `hitl_core` module: the first name below the package."""
    _, _, below = module.partition(".")
    return below.split(".")[0] or FRONT_DOOR


def package_of(module: str) -> str:
    return module.split(".")[0]


def report(faults: list[str]) -> None:
    assert not faults, "\n" + "\n".join(faults)


def test_every_room_has_a_rank() -> None:
    unranked = {room_of(module_name(path)) for path in CORE_FILES} - RANK.keys()
    assert not unranked, f"give these rooms of hitl_core a rank in {__file__}: {sorted(unranked)}"


def test_no_arrow_points_up_or_sideways() -> None:
    report([fault for found in CORE_IMPORTS if (fault := _wrong_way(found))])


def _wrong_way(found: Import) -> str | None:
    here, there = room_of(module_name(found.path)), room_of(found.module)
    if package_of(found.module) != "hitl_core" or there == "testing" or not {here, there} <= RANK.keys():
        return None  # testing and rooms without a rank have tests of their own
    if here == there or RANK[there] < RANK[here]:
        return None
    if found.when is When.TYPED and (here, there) in UPWARD_TYPES:
        return None
    ranks = f"rank {RANK[here]} imports rank {RANK[there]} {found.when}"
    return f"{found.place}: {here} imports {there}, {ranks}"


def test_upward_types_are_still_needed() -> None:
    used = {(room_of(module_name(f.path)), room_of(f.module)) for f in CORE_IMPORTS if f.when is When.TYPED}
    assert UPWARD_TYPES.keys() <= used, "an exception that nobody uses any more"


def test_the_core_knows_no_adapter_and_no_framework() -> None:
    known = {"hitl_adapters"}.union(*FRAMEWORK_PACKAGES.values())
    report([f"{f.place}: imports {f.module}" for f in CORE_IMPORTS if package_of(f.module) in known])


def test_each_room_imports_only_what_its_extra_installs() -> None:
    report([f"{f.place}: imports {f.module}" for f in CORE_IMPORTS if not _is_installed_for(f)])


def _is_installed_for(found: Import) -> bool:
    package = package_of(found.module)
    extra = EXTRA_PACKAGES.get(room_of(module_name(found.path)), set())
    return package in sys.stdlib_module_names | CORE_PACKAGES | OPTIONAL_ANYWHERE | extra | {"hitl_core"}


def test_nobody_imports_testing() -> None:
    everywhere = CORE_IMPORTS + ADAPTER_IMPORTS
    report([f"{f.place}: imports {f.module} {f.when}" for f in everywhere if _opens_testing(f)])


def _opens_testing(found: Import) -> bool:
    here = module_name(found.path)
    if not found.module.startswith("hitl_core.testing") or here.startswith("hitl_core.testing"):
        return False
    if found.path.stem == KIT and found.module == CONFORMANCE:
        return False
    return not (here.startswith(OPENS_TESTING) and found.when in (When.CALLED, When.TYPED))


@pytest.mark.parametrize("found", ADAPTER_IMPORTS, ids=lambda found: f"{found.place}-{found.module}")
def test_an_adapter_imports_the_core_and_its_own_framework(found: Import) -> None:
    family = room_of(module_name(found.path))
    package = package_of(found.module)
    if package == "hitl_adapters":
        assert room_of(found.module) == family, f"{found.place}: {family} imports {found.module}"
    elif package == "hitl_core":
        _assert_public(found)
    else:
        own = FRAMEWORK_PACKAGES.get(family, set()) | OF_A_SAVER.get(family, set()) | CORE_PACKAGES | OPTIONAL_ANYWHERE
        assert package in sys.stdlib_module_names | own, f"{found.place}: {family} imports {found.module}"


def _assert_public(found: Import) -> None:
    if found.path.stem == KIT and found.module == CONFORMANCE:
        return
    room = room_of(found.module)
    assert room in ADAPTER_MAY_OPEN, f"{found.place}: {room} is not open to adapters"
    assert found.module.count(".") <= 1, f"{found.place}: import from hitl_core.{room}, not from inside it"

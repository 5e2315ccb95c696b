"""[server.apps] of hitl.toml: further apps with one store and its people, each known by a name of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hitl_core.config import Config, apps_beside
from hitl_core.errors import ConfigError

MAIN = """
[backend]
name = "plain"
app = "desk:build"

[server]
url = "https://inbox.example.com"
copilotkit = "desk"

[server.apps]
refunds = "refunds.toml"
"""
BESIDE = '[backend]\nname = "plain"\napp = "refunds:build"\nversion = "3"\n'
Load = Callable[..., dict[str, Config]]


@pytest.fixture
def beside(tmp_path: Path) -> Load:
    def load(main: str = MAIN, **files: str) -> dict[str, Config]:
        for name, text in {"hitl": main, **files}.items():
            (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
        return apps_beside(Config.load(tmp_path / "hitl.toml"))

    return load


def faults_of(beside: Load, **files: str) -> str:
    with pytest.raises(ConfigError) as refused:
        beside(**files)
    return "\n".join(f"{fault.path} {fault.problem}" for fault in refused.value.faults)


def test_who_names_none_has_none(beside: Load) -> None:
    assert beside(MAIN.partition("[server.apps]")[0]) == {}


def test_each_is_as_its_file_says_and_is_reached_where_the_server_is(beside: Load) -> None:
    (found,) = beside(refunds=BESIDE).items()
    assert found[0] == "refunds"
    assert (found[1].app.reference, found[1].app_version) == ("refunds:build", "3")
    assert found[1].serving.address == "https://inbox.example.com"


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ('[store]\nurl = "sqlite:///another.db"\n', "store.url"),
        ('[store]\naudit_key = "another.key"\n', "store"),
        ('[environment]\ntenant = "another"\n', "environment.tenant"),
        ('[people]\nprovider = "directory:people"\n', "people.provider"),
        ('[authority]\nstop = ["lead"]\n', "authority"),
        ("[transcripts]\nkeep = true\n", "transcripts.keep"),
    ],
)
def test_what_all_have_in_common_is_said_alike(beside: Load, more: str, place: str) -> None:
    said = faults_of(beside, refunds=BESIDE + more)
    assert (
        said == f"server.apps.refunds: {place} differs from what the file that is served says; write the same in both"
    )


def test_a_run_can_say_whose_it_is(beside: Load) -> None:
    said = faults_of(beside, refunds=BESIDE.replace("refunds:build", "desk:build"))
    assert "server.apps.refunds has the app 'desk:build' under 'plain', which is the one that is served already" in said
    third = MAIN + 'more = "more.toml"\n'
    said = faults_of(beside, main=third, refunds=BESIDE, more=BESIDE)
    assert "server.apps.more has the app 'refunds:build' under 'plain', which is that of 'refunds' already" in said


def test_every_fault_of_every_file_is_told(beside: Load) -> None:
    said = faults_of(beside, main=MAIN + 'more = "missing.toml"\n', refunds=BESIDE + "[stor]\n")
    assert "refunds.toml: stor is not a key" in said
    assert "missing.toml" in said


def test_a_store_in_memory_is_one_apps_alone(beside: Load) -> None:
    memory = '\n[store]\nurl = "sqlite://"\n'
    assert "which one app alone can work with" in faults_of(beside, main=MAIN + memory, refunds=BESIDE + memory)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('refunds = "../refunds.toml"', "lies beside this one"),
        ('refunds = "/etc/refunds.toml"', "lies beside this one"),
        ("refunds = 3", "lies beside this one"),
        ('"a/b" = "refunds.toml"', "a name without '/'"),
        ('"{b}" = "refunds.toml"', "a name without '/'"),
        ('desk = "refunds.toml"', "is what server.copilotkit calls this app"),
    ],
)
def test_what_it_must_not_say(beside: Load, table: str, said: str) -> None:
    assert said in faults_of(beside, main=MAIN.replace('refunds = "refunds.toml"', table), refunds=BESIDE)


def test_this_app_has_a_name_too(beside: Load) -> None:
    """For pages; clients of other agents know it without one."""
    nameless = MAIN.replace('copilotkit = "desk"\n', "")
    said = faults_of(beside, main=nameless, refunds=BESIDE)
    assert "server.copilotkit is missing" in said
    assert list(beside(nameless + "[server.agents]\nmcp = true\n", refunds=BESIDE)) == ["refunds"]

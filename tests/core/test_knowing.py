"""A policy is checked beside what a hitl.toml configures: its app's tools, what goes around the gate, its people."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import pytest

from hitl_adapters.plain import PlainAdapter
from hitl_core.config import check_policy, policy_file
from hitl_core.contracts import Finding
from hitl_core.errors import ConfigError
from hitl_core.policy import Checked

APP = """
from hitl_core import AgentSpec, ModelSpec, tool
from hitl_core.people import Person

@tool
def pay(amount: float) -> str:
    "Pay."

@tool
def look(order: str) -> str:
    "Look."

LOOKER = AgentSpec(name="looker", instructions="x", tools=(look,))
SPEC = AgentSpec(name="desk", instructions="x", tools=(pay,), agents=(LOOKER,))

async def agent(given):
    return given

class Few:
    async def person(self, id):
        return {"ann": Person("ann"), "elsewhere": Person("elsewhere", tenant="x")}.get(id)

    async def members(self, role):
        return ()

    async def delegators(self, id):
        return ()

def few():
    return Few()

def broken():
    raise KeyError("the directory")
"""
RULES = """
[[rules]]
id = "r"
why = "x"
match = { tool = ["pay", "lok"] }
level = "confirm"
approvers = { users = ["ann", "bob", "elsewhere"], roles = ["lead"] }
escalate = [{ after = "1h", users = ["zoe"] }]
"""
PEOPLE = """
[people.ann]
roles = ["lead"]
[people.bob]
[people.elsewhere]
tenant = "x"
"""


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder, self.module = folder, f"desk_{uuid.uuid4().hex}"
        (folder / f"{self.module}.py").write_text(APP, encoding="utf-8")
        self.policy = folder / "policy.toml"
        self.policy.write_text(RULES, encoding="utf-8")
        (folder / "people.toml").write_text(PEOPLE, encoding="utf-8")

    def config(self, reference: str, more: str = "", policy: str = "policy.toml") -> Path:
        file = self.folder / "hitl.toml"
        key = "spec" if reference == "SPEC" else "app"
        backend = f'[backend]\nname = "plain"\n{key} = "{self.module}:{reference}"\n'
        file.write_text(
            f'{backend}[policy]\nfile = "{policy}"\n' + more.replace("MODULE", self.module), encoding="utf-8"
        )
        return file


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(sys, "path", list(sys.path))
    return Desk(tmp_path)


def said(checked: Checked) -> list[str]:
    return [each.fault.problem for each in checked.found]


async def test_the_tools_of_a_spec_are_known_whether_or_not_it_can_be_built(desk: Desk) -> None:
    checked = await check_policy(desk.policy, desk.config("SPEC"))
    assert said(checked) == ["'lok' is not a known tool of the app; did you mean 'look'?"]
    assert any("what the app runs without the gate: CapabilityNotSupported" in each for each in checked.not_looked_at)


async def test_an_app_of_its_own_kind_says_no_whole_list(desk: Desk) -> None:
    checked = await check_policy(desk.policy, desk.config("agent"))
    assert (said(checked), checked.not_looked_at[0]) == ([], "whether the tools that rules name exist")
    assert not any("without the gate" in each for each in checked.not_looked_at)


async def test_what_goes_around_the_gate(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Finding("warn", "tools", "'pay' runs without the gate", ungated=True, tools=("pay",))

    async def attached(self: PlainAdapter) -> tuple[Finding, ...]:
        return found, Finding("note", "x", "y", tools=("lok",))

    monkeypatch.setattr(PlainAdapter, "attach", attached)
    (only,) = said(await check_policy(desk.policy, desk.config("agent")))
    assert only == "never fires for 'pay', which no gate stands before: 'pay' runs without the gate"


async def test_the_people_of_the_tenant(desk: Desk) -> None:
    checked = await check_policy(desk.policy, desk.config("agent", '[people]\nfile = "people.toml"\n'))
    assert said(checked) == [
        "the directory does not know the user 'elsewhere'",
        "the directory does not know the user 'zoe'",
    ]
    assert len(checked.not_looked_at) == 1


async def test_a_directory_that_only_looks_up(desk: Desk) -> None:
    checked = await check_policy(desk.policy, desk.config("agent", '[people]\nprovider = "MODULE:few"\n'))
    assert said(checked) == [f"the directory does not know the user {user!r}" for user in ("bob", "elsewhere", "zoe")]
    roles = "whether anybody has the roles that are asked, and whether they are enough"
    assert roles in checked.not_looked_at


async def test_a_directory_that_fails_is_not_looked_at(desk: Desk) -> None:
    checked = await check_policy(desk.policy, desk.config("agent", '[people]\nprovider = "MODULE:broken"\n'))
    assert said(checked) == []
    assert any("the people, whose directory cannot be used: KeyError" in each for each in checked.not_looked_at)


async def test_without_a_configuration_the_file_is_checked_alone(desk: Desk) -> None:
    assert len((await check_policy(desk.policy, None)).not_looked_at) == 3


async def test_a_policy_that_is_refused_is_not_looked_at_further(desk: Desk) -> None:
    desk.policy.write_text(RULES.replace("level", "levle"), encoding="utf-8")
    config = desk.config("agent")
    checked = await check_policy(desk.policy, config)
    assert checked.invalid
    assert policy_file(config) == desk.policy.resolve()


async def test_another_policy_than_the_configured_one(desk: Desk) -> None:
    checked = await check_policy(desk.policy, desk.config("SPEC", policy="missing.toml"))
    assert len(checked.found) == 1


async def test_a_configuration_with_faults_is_refused(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="colour"):
        await check_policy(desk.policy, desk.config("agent", "[colour]\n"))


@pytest.mark.parametrize("text", ["", "policy = 5\n", "[policy]\nfile = 5\n", "[policy]\n"])
def test_no_policy_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "hitl.toml"
    file.write_text(text, encoding="utf-8")
    assert policy_file(file) is None


def test_the_environment_names_the_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "hitl.toml"
    file.write_text("", encoding="utf-8")
    monkeypatch.setenv("HITL_POLICY_FILE", "other.toml")
    assert policy_file(file) == tmp_path.resolve() / "other.toml"

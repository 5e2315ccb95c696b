"""The neutral recipe of an agent, and where its model's key comes from."""

from __future__ import annotations

import pytest

from hitl_core.apps import AgentSpec, ModelSpec
from hitl_core.errors import ConfigError
from hitl_core.tools import question

ASK, TELL = question("ask", "Ask."), question("tell", "Tell.")


def test_the_key_comes_from_the_named_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_KEY", "secret")
    assert ModelSpec(api_key_env="DESK_KEY").api_key() == "secret"


def test_a_missing_key_names_its_variable() -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY: is not set"):
        ModelSpec().api_key({})
    with pytest.raises(ConfigError, match="DESK_KEY"):
        ModelSpec(api_key_env="DESK_KEY").api_key({"DESK_KEY": ""})


def test_all_tools_include_those_of_sub_agents() -> None:
    inner = AgentSpec("inner", "Help.", tools=(TELL,))
    assert list(AgentSpec("desk", "Work.", tools=(ASK,), agents=(inner,)).all_tools()) == [ASK, TELL]


def test_every_name_that_is_used_twice_is_reported() -> None:
    inner = AgentSpec("tell", "Help.")
    with pytest.raises(ConfigError) as refused:
        AgentSpec("desk", "Work.", tools=(ASK, TELL, ASK), agents=(inner,))
    assert [fault.path for fault in refused.value.faults] == ["desk.ask", "desk.tell"]

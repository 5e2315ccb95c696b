"""The neutral recipe of an agent, and where its model's key comes from."""

from __future__ import annotations

import pytest

from hitl_core.apps import AgentSpec, ModelSpec, room_faults
from hitl_core.errors import ConfigError
from hitl_core.protocol import ClientTool, Kind
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


# ── client tools ─────────────────────────────────────────────────────────────────────────────────────────────

PICK = ClientTool(name="pick", description="Pick.")


def test_an_agent_with_client_tools_has_them_beside_its_own() -> None:
    spec = AgentSpec("desk", "Work.", tools=(ASK,))
    assert spec.with_tools(()) is spec
    ask, pick = spec.with_tools((PICK,)).tools
    assert (ask, pick.name, pick.kind, pick.client) == (ASK, "pick", Kind.INPUT, True)


def test_only_an_agent_that_is_built_here_has_room_for_them() -> None:
    assert room_faults(None, ()) == []
    (fault,) = room_faults(None, (PICK, ClientTool(name="show")))
    said = "have no place here: the app builds its agents itself; name an AgentSpec instead"
    assert str(fault) == f"tools: (pick, show) {said}"


def test_a_sub_agent_is_called_by_its_name_however_a_framework_writes_it() -> None:
    spec = AgentSpec("desk", "Work.", agents=(AgentSpec("Letter Clerk", "Write."),))
    assert room_faults(spec, (PICK,)) == []
    (fault,) = room_faults(spec, (ClientTool(name="letter_clerk"),))
    assert str(fault) == "tools.letter_clerk: is the name of a sub-agent of the app; give yours another one"


def test_no_client_tool_reads_like_handing_over_where_that_can_be_done() -> None:
    transfer = ClientTool(name="transfer_to_ann")
    assert room_faults(AgentSpec("desk", "Work."), (transfer,)) == []
    (fault,) = room_faults(AgentSpec("desk", "Work.", human="ann"), (transfer,))
    assert "reads like handing the conversation over" in str(fault)

"""What the adapter says it can do, and what it refuses by name (P90, P91)."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl_adapters.langgraph import LangGraphAdapter, LangGraphOptions
from hitl_adapters.langgraph.adapter import CAPABILITIES
from hitl_core import AgentSpec, AppSource
from hitl_core.capabilities import Capability
from hitl_core.contracts import Adapter
from hitl_core.errors import CapabilityNotSupported
from hitl_core.tools import Catalogue


def adapter(spec: AgentSpec, folder: Path) -> Adapter:
    options = LangGraphOptions(checkpointer="sqlite:///threads.db")
    return LangGraphAdapter(AppSource("desk:SPEC", spec, folder=folder), options=options, catalogue=Catalogue())


def files_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def test_every_capability_has_an_answer_and_what_is_not_native_says_why() -> None:
    assert CAPABILITIES.keys() == set(Capability)
    assert all(each.because for each in CAPABILITIES.values() if each.level != "native")


@pytest.mark.parametrize("nested", [False, True])
async def test_a_handoff_to_a_person_is_refused_by_name_and_nothing_is_made(tmp_path: Path, nested: bool) -> None:
    """It was accepted and ignored: nobody would ever have had the floor."""
    clerk = AgentSpec("clerk", "Be kind.", human="support")
    spec = AgentSpec("desk", "Delegate.", agents=(clerk,)) if nested else clerk
    made = adapter(spec, tmp_path)
    with pytest.raises(CapabilityNotSupported, match=r"handoff_to_human.*'clerk' has human='support'"):
        await made.attach()
    await made.close()
    assert files_in(tmp_path) == []

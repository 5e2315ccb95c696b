"""The refund desk on LangGraph, from a neutral spec and in LangGraph's own idiom; the others are in their lanes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from hitl_core.apps import AgentSpec
from hitl_core.config import Config, registry
from tests.examples.desk import COMPLETED, EXAMPLE, opened
from tests.examples.refund_desk import Expected, RefundDesk

pytestmark = pytest.mark.processes

CONFIGS = {"langgraph": "hitl.toml"} | {name: f"{name}.toml" for name in ("crewai", "autogen", "openai_agents")}


class TestOnLangGraph(RefundDesk):
    config = "hitl.toml"


def test_the_desk_in_langgraphs_own_idiom(tmp_path: Path) -> None:
    expected = Expected.of("the_whole_story")
    with opened(tmp_path / "refund_desk", config="langgraph_app.toml") as desk:
        question = desk.hitl("run", "--input", expected.input).document["pending"][0]
        assert question["kind"] == "input"
        desk.respond(question, "answer", "--message", "Yes, let them keep it.")
        run = desk.run_of(question)
        carrier = desk.hitl("resume", run).document["pending"][0]
        desk.respond(carrier, "choose", "--option", "none")
        refund = desk.hitl("resume", run).document["pending"][0]
        assert (refund["tool"], refund["arguments"]["amount"]) == ("issue_refund", 48.5)
        desk.respond(refund, "approve")
        assert desk.hitl("resume", run).status == COMPLETED
        expected.assert_all(desk)


# ── one desk, four configurations ────────────────────────────────────────────────────────────────────────────


def lines_of(backend: str) -> list[str]:
    return (EXAMPLE / CONFIGS[backend]).read_text().splitlines()


def read(backend: str) -> dict[str, Any]:
    return tomllib.loads((EXAMPLE / CONFIGS[backend]).read_text())


@pytest.mark.parametrize("backend", CONFIGS)
def test_a_configuration_differs_in_the_backends_name_and_in_nothing_else(backend: str) -> None:
    mine, first = lines_of(backend), lines_of("langgraph")
    differing = [(one, other) for one, other in zip(mine, first, strict=True) if one != other]
    own_lines = [(f'name = "{backend}"', 'name = "langgraph"')]
    assert differing == (own_lines if backend != "langgraph" else [])
    assert {**read(backend), "backend": None} == {**read("langgraph"), "backend": None}
    config = Config.load(EXAMPLE / CONFIGS[backend])
    assert config.backend == backend
    assert isinstance(config.app.load(), AgentSpec)


def test_every_backend_that_builds_a_spec_has_its_configuration() -> None:
    """`plain` builds none: it runs functions."""
    assert registry.known(registry.ADAPTERS).keys() - {"plain"} == CONFIGS.keys()

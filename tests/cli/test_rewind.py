"""`hitl rewind`: a graph goes back to its last pause and asks again; what has run stays done and stays on record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shop import AtHome, Shop

GRAPH = '''
"""A graph that asks with its framework's own pause, and mails what was approved."""

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

HERE = Path(__file__).parent


class Letter(TypedDict, total=False):
    text: str
    approved: bool


def review(state: Letter) -> Letter:
    answer = interrupt({"question": "Mail it?", "text": state["text"]})
    return {"approved": bool(answer["approved"])}


def mail(state: Letter) -> Letter:
    if state["approved"]:
        with (HERE / "ledger.jsonl").open("a") as ledger:
            ledger.write(json.dumps({"effect": "mail", "text": state["text"]}) + "\\n")
    return {}


@asynccontextmanager
async def build():
    graph = StateGraph(Letter)
    graph.add_node("review", review)
    graph.add_node("mail", mail)
    graph.add_edge(START, "review")
    graph.add_edge("review", "mail")
    graph.add_edge("mail", END)
    async with AsyncSqliteSaver.from_conn_string(str(HERE / "graphs.db")) as saver:
        yield graph.compile(checkpointer=saver)
'''


@pytest.fixture
def graph(tmp_path: Path, at_home: AtHome) -> Shop:
    made = Shop.build(tmp_path)
    (tmp_path / f"{made.module}.py").write_text(GRAPH, encoding="utf-8")
    config = made.config.read_text().replace('name = "plain"', 'name = "langgraph"').replace(":agent", ":build")
    made.config.write_text(config, encoding="utf-8")
    return at_home(made)


def mailed(graph: Shop) -> int:
    return len(graph.ledger("mail"))


def test_a_decision_that_was_not_used_is_superseded_and_asked_again(graph: Shop) -> None:
    run = graph.hitl("run", "--input", json.dumps({"text": "hello"}), "--json").json
    (first,) = run["pending"]
    assert graph.hitl("respond", first["id"], "approve", "--as", "ann").code == 0
    again = graph.hitl("rewind", run["id"], "--as", "bob", "--reason", "too soon", "--json")
    assert (again.code, again.json["state"], mailed(graph)) == (3, "paused", 0)
    (second,) = again.json["pending"]
    assert (second["id"] != first["id"], second["title"]) == (True, first["title"])
    assert graph.hitl("show", first["id"], "--json").json["state"] == "superseded"
    late = graph.hitl("respond", first["id"], "approve", "--as", "eve", "--json")
    assert (late.code, late.json["error"]["code"]) == (1, "HITL-D04")
    ended = graph.hitl("respond", second["id"], "reject", "--as", "ann", "--resume", "--json")
    assert (ended.code, ended.json["state"], mailed(graph)) == (0, "completed", 0)
    trail: list[Any] = graph.hitl("audit", "export", "--run", run["id"], "--json").json["entries"]
    (back,) = [each for each in trail if "reopened" in each["body"]]
    assert (back["event"], back["actor"], "too soon" in back["body"]) == ("run.claimed", "bob", True)


def test_what_has_run_stays_done_and_a_run_that_never_paused_has_nowhere_to_go(graph: Shop) -> None:
    run = graph.hitl("run", "--input", json.dumps({"text": "hello"}), "--json").json
    graph.hitl("respond", run["pending"][0]["id"], "approve", "--as", "ann", "--resume")
    assert mailed(graph) == 1
    back = graph.hitl("rewind", run["id"], "--as", "bob")
    assert (back.code, "waits: " in back.out, mailed(graph)) == (3, True, 1)
    nowhere = graph.hitl("rewind", "0" * 36, "--as", "bob", "--json")
    assert (nowhere.code, nowhere.json["error"]["code"]) == (1, "HITL-U02")
    nobody = graph.hitl("rewind", run["id"])
    assert (nobody.code, "--as" in nobody.err) == (2, True)

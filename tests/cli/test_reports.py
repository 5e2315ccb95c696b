"""`hitl audit report`: all that people did to a run, in each of its three forms; each form says the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from hitl_core.clock import SystemClock
from tests.cli.shop import Done, Shop, order
from tests.cli.test_undo import UNDOS

Hitl = Callable[..., Done]
Facts = dict[str, str]

PARTS = ("decisions", "actions", "grants", "overrides", "undos", "guidance", "interventions")


class Report:
    """The account of one run, read in its three forms: what one says the others say too."""

    def __init__(self, hitl: Hitl, run: str) -> None:
        self.document: Any = hitl("audit", "report", run, "--json").json
        assert hitl("audit", "report", run, "--format", "json").json == self.document
        text = hitl("audit", "report", run).out
        markdown = re.sub(r"\\(.)", r"\1", hitl("audit", "report", run, "--format", "markdown").out)
        for part in PARTS:
            for title, facts in self.chapters(part):
                assert f"\n  {title}\n" in text
                assert f"\n### {title}\n" in markdown
                for name, value in facts.items():
                    assert f"\n    {name}: {value}\n" in text, (name, value)
                    assert f"\n- **{name}**: {value}\n" in markdown, (name, value)

    def chapters(self, part: str) -> list[tuple[str, Facts]]:
        return [
            (each["title"], {fact["name"]: fact["value"] for fact in each["facts"]}) for each in self.document[part]
        ]

    def titles(self, part: str) -> list[str]:
        return [title for title, _ in self.chapters(part)]

    def only(self, part: str) -> Facts:
        ((_, facts),) = self.chapters(part)
        return facts


@pytest.fixture
def rules(shop: Shop) -> Callable[[str], None]:
    """Put a policy in force."""
    config = shop.config.read_text()

    def put(text: str) -> None:
        (shop.folder / "policy.toml").write_text(f'version = "1"\n{text}', encoding="utf-8")
        shop.config.write_text(config + '\n[policy]\nfile = "policy.toml"\n', encoding="utf-8")

    return put


def rule(tool: str, **fields: Any) -> str:
    given = {"id": f"about-{tool}".replace(":", "-"), "why": "a test", **fields}
    lines = [f"{key} = {_toml(value)}" for key, value in given.items()]
    return "\n".join(("[[rules]]", f'match = {{ tool = "{tool}" }}', *lines, ""))


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def start(hitl: Hitl, do: str = "pay", **given: Any) -> Any:
    return hitl("run", "--json", "--input", order(do, **given)).json


def test_votes_a_request_given_on_and_put_off_and_others_who_are_asked(
    hitl: Hitl, rules: Callable[[str], None], shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = {"users": ["ann", "bob"], "quorum": 2}
    later = [{"after": "2h", "users": ["lea"]}]
    rules(rule("refund", level="confirm", approvers=two, remind=["1h"], escalate=later))
    (request,) = start(hitl)["pending"]
    assert hitl("defer", request["id"], "--until", "30m", "--as", "ann").code == 0
    now = SystemClock.now

    def three_hours_later(clock: SystemClock) -> datetime:
        return now(clock) + timedelta(hours=3)

    monkeypatch.setattr(SystemClock, "now", three_hours_later)
    assert hitl("tick").code == 0
    assert hitl("delegate", request["id"], "dan", "--as", "bob", "--reason", "on holiday").code == 0
    assert hitl("respond", request["id"], "approve", "--as", "eve").code == 1
    assert hitl("respond", request["id"], "approve", "--as", "dan", "--message", "it is due").code == 0
    assert hitl("respond", request["id"], "approve", "--as", "ann", "--resume").code == 0
    facts = Report(hitl, request["run_id"]).only("decisions")
    assert facts["Who could decide"] == "2 of user ann or user bob"
    assert facts["Who was asked later"] == "after 7200 s lea too"
    assert facts["Put off"].startswith("by ann at ")
    assert (facts["Asked again"][:3], "lea" in facts["Asked others"]) == ("at ", True)
    assert facts["Given on to somebody else"].startswith(
        "bob, who merely stated this name, through terminal gave it on"
    )
    assert facts["Answers that were refused"].startswith("of eve at ")
    vote = facts["Votes before the decision"]
    assert (vote.startswith("dan, "), vote.endswith(": it is due")) == (True, True)
    assert (facts["Decided by"].split(",")[0], len(shop.ledger("refund"))) == ("ann", 1)


def test_a_question_to_the_agent_and_the_request_that_goes_on_from_it(hitl: Hitl, shop: Shop) -> None:
    (request,) = start(hitl, "insist")["pending"]
    hitl("respond", request["id"], "ask", "--message", "Which invoice?", "--as", "ann", "--resume")
    assert shop.ledger("refund") == []
    (again,) = hitl("inbox", "--json").json["requests"]
    hitl("respond", again["id"], "approve", "--as", "bob", "--resume")
    (_, first), (_, second) = Report(hitl, request["run_id"]).chapters("decisions")
    assert (first["Decided"], "Which invoice?" in first["In these words"]) == ("ask", True)
    assert second["Goes on from"] == f"request {request['id']}"
    assert second["Asked of the agent before"].startswith("ann asked: Which invoice?")


def test_the_versions_of_a_draft(hitl: Hitl, rules: Callable[[str], None], shop: Shop) -> None:
    rules(rule("refund", level="collaborate"))
    (request,) = start(hitl)["pending"]
    less = '{"order": "A-1042", "amount": 40, "note": ""}'
    hitl("draft", request["id"], "--args", less, "--version", "1", "--as", "ann", "--message", "less")
    hitl("respond", request["id"], "accept", "--as", "bob", "--resume")
    first, second = Report(hitl, request["run_id"]).only("decisions")["Versions of the draft"].split("; ")
    assert first.startswith("version 1 by the agent at ")
    assert second.startswith("version 2 by ann, who merely stated this name, through terminal at ")
    assert ("(less)" in second, '"amount": 40' in second, shop.ledger("refund")[0]["amount"]) == (True, True, 40)


def test_grants_and_batches(hitl: Hitl, rules: Callable[[str], None]) -> None:
    rules(rule("jot", level="confirm", batch=True))
    grant = hitl("grant", "jot", "--for", "1h", "--times", "1", "--as", "ann", "--reason", "a busy day", "--json").json
    covered, asked = start(hitl, "jot_it", text="a"), start(hitl, "jot_it", text="b")
    (request,) = asked["pending"]
    answer = ("respond", request["id"], "approve", "--batch", "--as", "mia", "--json")
    batch = hitl(*answer, "--digest", hitl(*answer).json["digest"]).json["batch"]
    lone = start(hitl)
    answer = ("respond", lone["pending"][0]["id"], "approve", "--batch", "--as", "mia", "--json")
    assert hitl(*answer, "--digest", hitl(*answer).json["digest"]).code == 1
    report = Report(hitl, covered["id"])
    assert report.only("actions")["Allowed by"] == f"standing grant {grant['id']}, without asking again"
    facts = report.only("grants")
    assert (facts["Grant"], facts["Reason given"], facts["Used in this run at"]) == (grant["id"], "a busy day", "jot#1")
    assert Report(hitl, asked["id"]).only("decisions")["Together with others"] == f"yes, in one gesture named {batch}"
    assert Report(hitl, lone["id"]).titles("interventions") == ["Refused: an answer to many at once"]


def test_overrides_and_undos(hitl: Hitl, rules: Callable[[str], None], shop: Shop) -> None:
    free = {"level": "autonomous", "allow_irreversible": "a test"}
    rules("".join(rule(tool, **free) for tool in ("jot", "refund", "undo:refund")))
    (shop.folder / f"undos_{shop.module}.py").write_text(UNDOS)
    config = shop.config.read_text()
    shop.config.write_text(f'{config}\n[tools.refund]\nundo = "undos_{shop.module}:take_back"\n', encoding="utf-8")
    run = start(hitl, "jot_and_pay")["id"]
    hitl("override", run, "--output", '"red"', "--as", "mia", "--reason", "wrong colour")
    undo = hitl("undo", run, "--as", "bob", "--reason", "wrong customer", "--json").json
    report = Report(hitl, run)
    facts = report.only("overrides")
    assert (facts["By"], facts["What it is"], facts["Reason given"]) == ("mia", '"red"', "wrong colour")
    facts = report.only("undos")
    assert (facts["Wanted by"], facts["All of it"]) == ("bob", "NO, see each of them")
    assert (facts["refund at refund#1"], facts["jot at jot#1"]) == (
        "undone",
        "not undoable: jot declares no undo",
    )
    of_undo = Report(hitl, undo["id"])
    assert f"an undo of what run {run} has done" in json.dumps(of_undo.document["summary"])
    assert of_undo.titles("actions") == ["undo:refund"]


def test_stops_lifts_steering_and_the_end(hitl: Hitl) -> None:
    run = start(hitl)["id"]
    why = ("--as", "eve", "--reason", "look at it")
    hitl("stop", "tool", "refund", *why)
    hitl("stop", "tool", "jot", *why)
    hitl("lift", "tool", "refund", "--as", "mia", "--reason", "it was nothing")
    hitl("steer", run, "be kind", "--as", "ann")
    hitl("cancel", run, "--as", "bob", "--reason", "enough")
    report = Report(hitl, run)
    assert report.titles("interventions") == ["A stop", "A stop was lifted", "The run was cancelled"]
    stop, lifted, cancelled = (facts for _, facts in report.chapters("interventions"))
    assert (stop["About"], stop["Requests that it froze"], lifted["Requests that are open again"]) == (
        "tool:refund",
        "1",
        "1",
    )
    assert (lifted["Reason given"], cancelled["By"].split(",")[0]) == ("it was nothing", "bob")
    assert (report.only("guidance")["In these words"], report.only("guidance")["Came to"]) == ("be kind", "dropped")

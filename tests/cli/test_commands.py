"""Every command in JSON: the shapes that docs/cli.md promises, and the exit statuses."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hitl_adapters.plain import PlainAdapter
from hitl_adapters.plain.adapter import CAPABILITIES
from hitl_core.capabilities import Capability
from hitl_core.cli.hints import program
from hitl_core.cli.terminal.progress import Progress
from hitl_core.contracts import Ending, Turn
from hitl_core.protocol import LiveEvent, LiveKind
from tests.cli.shop import AtHome, Done, Shop, eventually, order

Hitl = Callable[..., Done]

REQUEST_KEYS = {
    *("id", "kind", "state", "options", "allowed", "run_id", "call", "round", "level", "title", "tool", "arguments"),
    *("digest", "preview", "context", "because", "approvers", "created_at", "deadline", "on_timeout", "veto"),
    *("remind_seconds", "escalation", "batch", "draft", "follows", "asked", "undo_until"),
    *("in_doubt", "arguments_schema", "answer_schema", "agent", "started_by", "protocol", "answer_with"),
}
RUN_KEYS = {
    "frozen",
    *("id", "kind", "state", "options", "pending", "backend", "app", "app_version", "thread", "tenant", "started_by"),
    *("input", "output", "error", "attempts", "created_at", "updated_at", "protocol"),
    *("undoes", "overridden", "tries", "retry_at", "checkpoint_format", "tools"),
}


def start(hitl: Hitl, do: str = "pay", *more: str, **given: Any) -> Any:
    return hitl("run", "--json", "--input", order(do, **given), *more).json


@pytest.mark.parametrize(
    ("do", "answer", "ends"),
    [
        ("pay", ["approve"], {"done": "paid 48.5", "notes": []}),
        ("pay", ["reject", "--message", "no"], "no"),
        ("pay", ["answer", "--message", "call them"], {"done": "call them", "notes": []}),
        ("ask", ["answer", "--message", "yes"], {"answer": "yes"}),
        ("choose", ["choose", "--option", "post"], {"chosen": "post"}),
        ("review", ["accept"], "accepted"),
        ("review", ["revise", "--message", "kinder"], "kinder"),
    ],
)
def test_every_answer_reaches_the_agent(hitl: Hitl, do: str, answer: list[str], ends: Any) -> None:
    run = start(hitl, do)
    ended = hitl("respond", run["pending"][0]["id"], *answer, "--as", "alice", "--resume", "--json")
    assert (ended.code, ended.json["state"]) == (0, "completed")
    assert ended.json["output"] == ends if isinstance(ends, dict) else ends in str(ended.json["output"])


def test_an_edit_runs_what_was_edited_and_tells_the_agent(hitl: Hitl, shop: Shop) -> None:
    run = start(hitl)
    edited = shop.folder / "edited.json"
    edited.write_text('{"order": "A-1042", "amount": 40, "note": ""}')
    answer = ("edit", "--args", f"@{edited}", "--as", "alice", "--resume", "--json")
    output = hitl("respond", run["pending"][0]["id"], *answer).json["output"]
    assert output["done"] == "paid 40.0"
    assert "A person changed this call" in output["notes"][0]
    assert [line["amount"] for line in shop.ledger("refund")] == [40]


def test_a_run_in_json(hitl: Hitl) -> None:
    done = hitl("run", "--json", "--by", "bob", "--thread", "t-1", "--input", order())
    run = done.json
    assert done.code == 3
    assert done.err == ""
    assert run.keys() == RUN_KEYS
    assert (run["kind"], run["state"], run["started_by"], run["thread"]) == ("run", "paused", "bob", "t-1")
    assert [option["id"] for option in run["options"]] == ["respond", "cancel"]
    (request,) = run["pending"]
    assert request.keys() == REQUEST_KEYS
    assert (request["kind"], request["state"], request["options"]) == ("approval", "open", [])
    assert request["arguments"] == {"order": "A-1042", "amount": 48.5, "note": ""}
    assert request["preview"]["effect"] == "Pay 48.5 EUR back"


def test_input_comes_from_a_file_or_standard_input(hitl: Hitl, shop: Shop) -> None:
    (shop.folder / "input.json").write_text(order("ask"))
    assert hitl("run", "--json", "--input", f"@{shop.folder / 'input.json'}").code == 3
    assert shop.hitl("run", "--json", "--input", "-", stdin=order("ask")).code == 3


def test_the_inbox_in_json_and_in_pages(hitl: Hitl) -> None:
    made = [start(hitl, "choose")["pending"][0]["id"] for _ in range(3)]
    first = hitl("inbox", "--json", "--limit", "2").json
    second = hitl("inbox", "--json", "--cursor", first["cursor"]).json
    assert [each["id"] for each in (*first["requests"], *second["requests"])] == made
    assert second["cursor"] is None
    assert first["requests"][0].keys() == REQUEST_KEYS | {"response", "votes", "still_needed"}
    assert [option["id"] for option in first["requests"][0]["options"]] == ["post", "courier"]
    assert "there is more: --cursor" in hitl("inbox", "--limit", "1").out


def test_several_people_see_who_has_agreed_and_who_has_not(tmp_path: Path, at_home: AtHome) -> None:
    shop = at_home(Shop.build(tmp_path, more='[policy]\nfile = "policy.toml"\n'))
    rule = '[[rules]]\nid = "two"\nwhy = "x"\nmatch = { tool = "refund" }\nlevel = "confirm"\n'
    approvers = '{ stages = [{ roles = ["lead"], quorum = 2 }, { users = ["fay"] }], separate_from = ["ship"] }'
    (tmp_path / "policy.toml").write_text(f"{rule}approvers = {approvers}\n", encoding="utf-8")
    run = shop.hitl("run", "--json", "--input", order()).json
    request = run["pending"][0]["id"]
    said = shop.hitl("respond", request, "approve", "--as", "mia", "--role", "lead")
    assert "still needed: 1 of role lead, then 1 of user fay" in said.flat
    shown = shop.hitl("show", request).flat
    for words in (
        "vote",
        "approve by mia",
        "still needed",
        "2 of role lead, then 1 of user fay",
        "not who let ship run",
    ):
        assert words in shown
    assert "1 of 3 agreed" in shop.hitl("inbox").flat
    document = shop.hitl("show", request, "--json").json
    assert document["still_needed"] == "1 of role lead, then 1 of user fay"
    assert [vote["responder"]["id"] for vote in document["votes"]] == ["mia"]
    assert shop.hitl("respond", request, "approve", "--as", "fay").code == 1
    shop.hitl("respond", request, "approve", "--as", "ben", "--role", "lead")
    done = shop.hitl("respond", request, "approve", "--as", "fay", "--resume", "--json").json
    assert (done["state"], len(shop.ledger("refund"))) == ("completed", 1)
    assert shop.hitl("show", request, "--json").json["still_needed"] == ""


PEOPLE = """
[people.ann]
roles = ["lead"]
[people.ben]
[people.eve]
tenant = "elsewhere"
"""


def test_people_of_a_directory_give_on_put_off_and_lift(tmp_path: Path, at_home: AtHome) -> None:
    shop = at_home(Shop.build(tmp_path, more='[people]\nfile = "people.toml"\n[authority]\ncancel = ["lead"]\n'))
    (tmp_path / "people.toml").write_text(PEOPLE, encoding="utf-8")
    run = shop.hitl("run", "--json", "--input", order()).json
    request = run["pending"][0]["id"]
    assert shop.hitl("defer", request, "--until", "soon", "--as", "ann").code == 2
    assert shop.hitl("defer", request, "--until", "2026-12-01T09:00", "--as", "ann").code == 2
    assert shop.hitl("defer", request, "--until", "2h", "--as", "mallory").code == 1
    put_off = shop.hitl("defer", request, "--until", "2h", "--as", "ann").flat
    assert re.search(rf"request {request} is put off until [-\d]+ [:\d]+ [-+]\d+ \(in 2 h\)", put_off)
    assert shop.hitl("inbox", "--json").json["requests"] == []
    assert len(shop.hitl("inbox", "--deferred", "--as", "ann", "--json").json["requests"]) == 1
    assert shop.hitl("show", request, "--as", "eve").code == 1
    assert f"request {request} is open; given on to ben" in shop.hitl("delegate", request, "ben", "--as", "ann").flat
    given = shop.hitl("show", request, "--json").json
    assert (given["state"], given["votes"][0]["decision"]["to"]) == ("open", "ben")
    assert "delegate to ben by ann" in shop.hitl("show", request).flat
    assert len(shop.hitl("inbox", "--as", "ben", "--json").json["requests"]) == 1
    assert shop.hitl("respond", request, "approve", "--as", "ann").code == 1
    assert shop.hitl("cancel", run["id"], "--as", "ben", "--role", "lead", "--json").json["error"]["code"] == "HITL-P01"
    shop.hitl("stop", "all", "--as", "ann", "--reason", "audit")
    assert shop.hitl("lift", "all", "--as", "ann", "--reason", "fine").code == 1
    assert shop.hitl("lift", "all", "--as", "ben", "--reason", "fine").code == 0
    done = shop.hitl("respond", request, "approve", "--as", "ben", "--resume", "--json").json
    assert (done["state"], len(shop.ledger("refund"))) == ("completed", 1)


def test_a_request_in_json_keeps_its_answer(hitl: Hitl) -> None:
    request = start(hitl)["pending"][0]["id"]
    said = hitl("respond", request, "reject", "--as", "alice", "--role", "lead", "--message", "no", "--json").json
    assert said.keys() == {"request", "run", "replayed"}
    assert (said["request"]["state"], said["run"]["state"], said["replayed"]) == ("decided", "ready", False)
    shown = hitl("show", request, "--json").json
    responder = {"id": "alice", "roles": ["lead"], "channel": "terminal", "authenticated_by": "assertion"}
    assert shown["response"]["responder"] == {**responder, "acting_for": None}
    assert shown["response"]["decision"] == {"type": "reject", "message": "no"}
    again = hitl("respond", request, "reject", "--as", "alice", "--message", "no", "--json")
    assert (again.code, again.json["replayed"]) == (0, True)


def test_a_run_with_all_that_happened_in_it(hitl: Hitl) -> None:
    run = start(hitl)
    hitl("respond", run["pending"][0]["id"], "approve", "--as", "alice", "--resume")
    found = hitl("runs", run["id"], "--json").json
    assert found.keys() == RUN_KEYS | {"requests", "effects", "guidance", "overrides", "undos"}
    (effect,) = found["effects"]
    assert (effect["tool"], effect["state"], effect["result"]) == ("refund", "executed", "paid 48.5")
    assert [each["state"] for each in found["requests"]] == ["closed"]
    assert "paid 48.5" in hitl("runs", run["id"]).out


GUIDANCE_KEYS = {"id", "kind", "state", "run_id", "text", "by", "given_at", "place", "settled_at", "protocol"}


def test_guidance_is_queued_and_seen_with_its_run(hitl: Hitl, shop: Shop) -> None:
    run = start(hitl)
    given = hitl("steer", run["id"][-8:], "be kind", "--as", "bob", "--role", "lead", "--json")
    assert given.code == 0
    assert given.json.keys() == GUIDANCE_KEYS
    assert (given.json["kind"], given.json["state"], given.json["text"]) == ("guidance", "queued", "be kind")
    who = {"id": "bob", "roles": ["lead"], "channel": "terminal", "authenticated_by": "assertion", "acting_for": None}
    assert given.json["by"] == who
    piped = shop.hitl("steer", run["id"], "-", "--as", "bob", stdin="and brief\x1b[2J")
    assert (piped.code, "queued" in piped.out) == (0, True)
    found = hitl("runs", run["id"], "--json").json
    assert [each["text"] for each in found["guidance"]] == ["be kind", "and brief\x1b[2J"]
    shown = hitl("runs", run["id"]).out
    assert "be kind" in shown
    assert "\x1b[2J" not in shown
    assert (found["state"], [each["state"] for each in found["pending"]]) == ("paused", ["open"])
    (request,) = found["pending"]
    assert hitl("show", request["id"], "--json").json["guidance"] == found["guidance"]
    seen = hitl("show", request["id"]).out
    assert ("be kind" in seen, "queued" in seen, "\x1b[2J" in seen) == (True, True, False)
    hitl("cancel", run["id"], "--as", "bob")
    assert "dropped" in hitl("show", request["id"]).out
    assert [each["state"] for each in hitl("runs", run["id"], "--json").json["guidance"]] == ["dropped", "dropped"]


def test_what_cannot_be_steered_says_why(hitl: Hitl) -> None:
    run = start(hitl)
    empty = hitl("steer", run["id"], " ", "--as", "bob", "--json")
    assert (empty.code, empty.json["error"]["code"]) == (1, "HITL-U07")
    assert empty.json["error"]["faults"] == [{"path": "text", "problem": "is empty; say what the agent is to know"}]
    hitl("cancel", run["id"], "--as", "bob")
    over = hitl("steer", run["id"], "be kind", "--as", "bob", "--json")
    assert (over.code, over.json["error"]["code"]) == (1, "HITL-U04")
    assert hitl("steer", run["id"], "be kind", "--as", " ").code == 2


def test_runs_by_state(hitl: Hitl) -> None:
    paused, done = start(hitl), start(hitl, "ask")
    hitl("respond", done["pending"][0]["id"], "answer", "--message", "yes", "--as", "alice", "--resume")
    everything = hitl("runs", "--json").json
    assert {run["id"]: run["state"] for run in everything["runs"]} == {paused["id"]: "paused", done["id"]: "completed"}
    assert [run["id"] for run in hitl("runs", "--json", "--state", "paused").json["runs"]] == [paused["id"]]


def test_ids_may_be_shortened_to_what_is_unique(hitl: Hitl) -> None:
    run = start(hitl)
    request = run["pending"][0]["id"]
    assert hitl("show", request[-6:], "--json").json["id"] == request
    assert hitl("runs", run["id"][-6:], "--json").json["id"] == run["id"]
    other = start(hitl)
    both = hitl("runs", run["id"][:4])
    assert (both.code, both.out) == (2, "")
    assert run["id"] in both.err
    assert other["id"] in both.err
    assert "too short" in hitl("show", "ab").err
    assert hitl("show", "no-such-request").code == 1
    assert "HITL-U02" in hitl("runs", "no-such-run").err


def test_a_part_of_an_id_is_not_looked_for_among_too_many(hitl: Hitl, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = start(hitl), start(hitl)
    request = run["pending"][0]["id"]
    monkeypatch.setattr("hitl_core.cli.lookup._MOST", 1)
    for what in (("show", request[-6:]), ("runs", run["id"][-6:])):
        refused = hitl(*what)
        assert (refused.code, refused.out) == (2, "")
        assert "give the whole id, of 36 characters" in " ".join(refused.err.split())
    assert hitl("show", request, "--json").json["id"] == request
    monkeypatch.setattr("hitl_core.cli.lookup._MOST", 2)
    assert hitl("show", request[-6:], "--json").json["id"] == request


def test_a_failed_run_fails_and_can_be_resumed(hitl: Hitl, shop: Shop) -> None:
    failed = hitl("run", "--json", "--input", order("fail"))
    assert (failed.code, failed.json["state"]) == (1, "failed")
    assert "the warehouse" in failed.json["error"]
    assert "Traceback" not in failed.err
    (shop.folder / "repaired").touch()
    again = hitl("resume", failed.json["id"], "--json")
    assert (again.code, again.json["output"]) == (0, "repaired")


def test_a_cancelled_run_never_runs(hitl: Hitl, shop: Shop) -> None:
    run = start(hitl)
    cancelled = hitl("cancel", run["id"], "--as", "alice", "--reason", "wrong order", "--json")
    assert (cancelled.code, cancelled.json["state"]) == (0, "cancelled")
    assert hitl("resume", run["id"]).code == 1
    refused = hitl("respond", run["pending"][0]["id"], "approve", "--as", "alice")
    assert (refused.code, "HITL-D04" in refused.err) == (1, True)
    assert not shop.ledger("refund")


def test_a_stop_freezes_until_it_is_lifted(hitl: Hitl, shop: Shop) -> None:
    run = start(hitl)
    request = run["pending"][0]["id"]
    stopped = hitl("stop", "tool", "refund", "--as", "ops", "--reason", "fraud", "--json").json
    reaches = {each["what"]: each["reached"] for each in stopped.pop("reaches")}
    assert (reaches["open requests"], reaches["a tool that is running"]) == (True, False)
    assert stopped == {"state": "stopped", "scope": "tool", "target": "refund", "requests": 1}
    (stop,) = hitl("stops", "--json").json["stops"]
    assert (stop["scope"], stop["target"], stop["by"], stop["reason"]) == ("tool", "refund", "ops", "fraud")
    assert "HITL-D04" in hitl("respond", request, "approve", "--as", "alice").err
    assert hitl("lift", "tool", "refund", "--as", "boss", "--reason", "cleared", "--json").json["requests"] == 1
    assert hitl("respond", request, "approve", "--as", "alice", "--resume").code == 0
    assert len(shop.ledger("refund")) == 1


def test_a_stop_says_what_it_reaches_of_this_framework_and_lifting_what_is_left(hitl: Hitl) -> None:
    said = hitl("stop", "all", "--as", "ops", "--reason", "fraud").flat
    assert CAPABILITIES[Capability.DRAIN].because in said
    hitl("stop", "tool", "refund", "--as", "ops", "--reason", "fraud")
    lifted = hitl("lift", "all", "--as", "boss", "--reason", "cleared", "--json")
    left = [(each["scope"], each["target"]) for each in lifted.json["in_force"]]
    assert (lifted.code, lifted.json["state"], left) == (0, "lifted", [("tool", "refund")])
    again = hitl("lift", "all", "--as", "boss", "--reason", "cleared")
    assert (again.code, "no stop of all" in again.out) == (1, True)


def test_a_stop_that_freezes_nothing_says_to_look_at_its_name(hitl: Hitl) -> None:
    start(hitl)
    assert "look at the spelling" in hitl("stop", "tool", "refnd", "--as", "ops", "--reason", "r").flat
    assert "look at the spelling" not in hitl("stop", "tool", "refund", "--as", "ops", "--reason", "r").flat


def test_what_a_stop_ended_is_told_how_to_go_on(hitl: Hitl, shop: Shop) -> None:
    run = start(hitl)
    hitl("respond", run["pending"][0]["id"], "approve", "--as", "alice")
    hitl("stop", "tool", "refund", "--as", "ops", "--reason", "fraud")
    stopped = hitl("resume", run["id"])
    assert (stopped.code, "once that is lifted, go on with: " in stopped.flat, shop.ledger("refund")) == (1, True, [])
    lifted = hitl("lift", "tool", "refund", "--as", "boss", "--reason", "cleared").flat
    assert "runs that it stopped go on with: " in lifted
    assert (hitl("resume", run["id"]).code, len(shop.ledger("refund"))) == (0, 1)


def test_a_stop_needs_to_know_what_to_stop(hitl: Hitl) -> None:
    assert "which tool?" in hitl("stop", "tool", "--as", "ops", "--reason", "r").err
    assert "means nothing with `all`" in hitl("stop", "all", "refund", "--as", "ops", "--reason", "r").err


def test_tick_fires_what_is_due(tmp_path: Path) -> None:
    shop = Shop.build(tmp_path, more='[policy]\nfile = "policy.toml"\n')
    rule = 'id = "soon"\nwhy = "Soon."\nmatch = { tool = "refund" }\nlevel = "confirm"\ndeadline = "1s"\n'
    (tmp_path / "policy.toml").write_text(f'version = "1"\n[[rules]]\n{rule}')
    run, request = shop.paused()
    eventually(lambda: shop.hitl("tick", "--json").json == {"fired": 1}, "the deadline to pass")
    late = shop.hitl("respond", request, "approve", "--as", "alice")
    assert (late.code, "error HITL-D05" in late.err) == (1, True)
    ended = shop.hitl("resume", run, "--json")
    assert (ended.code, "before the deadline" in ended.json["output"]["refused"]) == (0, True)
    assert not shop.ledger("refund")


def test_people_read_words(hitl: Hitl) -> None:
    done = hitl("run", "--input", order("choose"))
    assert "works" in done.err
    assert "is paused" in done.out
    assert "waits: Who picks it up?" in done.out
    request = done.out.split("Who picks it up?")[1].split()[0]
    assert "choice" in hitl("inbox").out
    assert "courier" in hitl("show", request).out
    assert "is ready" in hitl("respond", request, "choose", "--option", "post", "--as", "alice").out
    assert "nothing waits for an answer" in hitl("inbox").out
    assert "ready" in hitl("runs").out
    assert "no stop is in force" in hitl("stops").out


FROZEN = "ops stopped tool refund (fraud)"


def test_what_a_stop_holds_is_said_wherever_one_looks(hitl: Hitl) -> None:
    run = start(hitl)
    hitl("stop", "tool", "refund", "--as", "ops", "--reason", "fraud")
    for command in (("inbox",), ("resume", run["id"]), ("runs", run["id"]), ("show", run["pending"][0]["id"])):
        said = hitl(*command).out
        assert FROZEN in said, command
        assert "lift tool refund --as WHO --reason TEXT" in said
    (held,) = hitl("inbox", "--json").json["frozen"]
    assert (held["id"], held["state"]) == (run["pending"][0]["id"], "frozen")
    assert [(each["scope"], each["by"], each["reason"]) for each in held["stopped_by"]] == [("tool", "ops", "fraud")]
    resumed = hitl("resume", run["id"], "--json").json
    assert [each["id"] for each in resumed["frozen"]] == [held["id"]]
    assert [each["id"] for each in resumed["options"]] == ["lift", "cancel"]
    hitl("lift", "tool", "refund", "--as", "ops", "--reason", "checked")
    assert hitl("inbox", "--json").json["frozen"] == []
    assert FROZEN not in hitl("inbox").out


@pytest.mark.parametrize(("scope", "target"), [("all", ""), ("tenant", "default"), ("run", "RUN")])
def test_every_kind_of_stop_is_named(hitl: Hitl, scope: str, target: str) -> None:
    run = start(hitl)
    named = [run["id"]] if target == "RUN" else [target] if target else []
    hitl("stop", scope, *named, "--as", "ops", "--reason", "fraud")
    assert f"ops stopped {' '.join([scope, *named]) if named else 'everything'} (fraud)" in hitl("inbox").out


def test_a_decision_that_was_not_used_can_be_revoked(hitl: Hitl, shop: Shop) -> None:
    run = start(hitl)
    request = run["pending"][0]["id"]
    hitl("respond", request, "approve", "--as", "alice")
    revoked = hitl("revoke", request, "--as", "bob", "--reason", "wrong order", "--json")
    assert (revoked.code, revoked.json["state"]) == (0, "revoked")
    ended = hitl("resume", run["id"], "--json").json
    assert "revoked before it was used" in str(ended["output"])
    assert not shop.ledger("refund")
    again = hitl("revoke", request, "--as", "bob")
    assert (again.code, "nothing was changed" in again.err) == (1, True)


def test_a_rewind_is_refused_by_name_where_the_framework_cannot(hitl: Hitl) -> None:
    refused = hitl("rewind", start(hitl)["id"], "--as", "alice")
    assert (refused.code, "HITL-A09" in refused.err, "undo_by_fork" in refused.err) == (1, True, True)


def test_ask_again_reaches_the_adapter_once(hitl: Hitl, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[bool] = []
    advance = PlainAdapter.advance

    async def advanced(self: PlainAdapter, turn: Turn) -> Ending:
        turns.append(turn.ask_again)
        return await advance(self, turn)

    monkeypatch.setattr(PlainAdapter, "advance", advanced)
    failed = hitl("run", "--input", order("fail"), "--json").json
    (shop.folder / "repaired").touch()
    assert hitl("resume", failed["id"], "--ask-again", "--json").json["state"] == "completed"
    assert turns == [False, True]


def test_a_spec_under_a_backend_without_an_agent_loop_is_refused_by_name(hitl: Hitl, shop: Shop) -> None:
    (shop.folder / f"{shop.module}.py").write_text(
        "from hitl_core import AgentSpec\nagent = AgentSpec(name='desk', instructions='')\n", encoding="utf-8"
    )
    refused = hitl("run", "--input", "{}")
    assert (refused.code, "HITL-A09" in refused.err, "neutral_spec" in refused.err) == (1, True, True)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("runs", "--state", "explode"), "'explode' is not one of"),
        (("run", "--input", "NaN"), "--input: NaN is not JSON\n"),
        (("run", "--input", "{amount: 40}"), "it has no quotes"),
        (("respond", "0123456789", "explode", "--as", "a"), "'explode' is none; give one of approve, edit"),
        (("respond", "0123456789", "choose", "--option", "", "--as", "a"), "--option: is missing"),
        (("respond", "0123456789", "approve", "--as", ""), "--as / --role: must not be empty"),
    ],
)
def test_what_is_wrong_is_said_in_our_own_words(hitl: Hitl, command: tuple[str, ...], said: str) -> None:
    refused = hitl(*command)
    assert (refused.code, said in refused.err, "Value error" in refused.err) == (2, True, False), refused.err


def test_progress_is_a_line_that_fits() -> None:
    screen = Console(file=io.StringIO(), width=40, markup=False, highlight=False)
    Progress(screen).show(LiveEvent(run_id="r", kind=LiveKind.TOOL_RESULT, text="Paid.\n\nThe rest " + "follows " * 90))
    assert isinstance(screen.file, io.StringIO)
    (line,) = screen.file.getvalue().splitlines()
    assert line.startswith("← Paid. The rest follows")
    assert (len(line) <= 40, line.endswith("…")) == (True, True)


def test_what_failed_can_be_tried_again_as_it_is_shown(hitl: Hitl, shop: Shop) -> None:
    """With the configuration that was looked at: the command is pasted as it stands."""
    hitl("run", "--json", "--input", order("fail"))
    assert f"try one again with: {program()} resume RUN -c {shop.config}" in hitl("worker", "--list").flat

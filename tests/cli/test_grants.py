"""Standing grants and batches at the command line: what ran, who was asked, and what is said about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shop import AtHome, Shop, order

ASKS = """
[[rules]]
id = "jots"
why = "somebody reads them"
match = { tool = "jot" }
level = "confirm"
batch = true
"""


@pytest.fixture
def desk(tmp_path: Path, at_home: AtHome) -> Shop:
    (tmp_path / "policy.toml").write_text(ASKS, encoding="utf-8")
    return at_home(Shop.build(tmp_path, more='[policy]\nfile = "policy.toml"\n'))


def jot(desk: Shop, text: str) -> Any:
    return desk.hitl("run", "--json", "--input", order("jot_it", text=text)).json


def asked(desk: Shop, *texts: str) -> list[str]:
    """The ids of the requests of runs that ask."""
    return [jot(desk, text)["pending"][0]["id"] for text in texts]


def jotted(desk: Shop) -> list[str]:
    return [line["text"] for line in desk.ledger("jot")]


def test_a_grant_is_given_listed_used_and_revoked(desk: Shop) -> None:
    when = '{"argument": "text", "starts_with": "ok"}'
    limits = ("--for", "1h", "--times", "5", "--when", when, "--reason", "a busy day")
    given = desk.hitl("grant", "jot", *limits, "--as", "ann", "--role", "lead", "--json").json
    assert (given["kind"], given["state"], given["allows"]["times"]) == ("grant", "active", 5)
    who = {"id": "ann", "roles": ["lead"], "channel": "terminal", "authenticated_by": "assertion", "acting_for": None}
    assert given["by"] == who
    run = jot(desk, "ok 1")
    assert run["state"] == "completed"
    (effect,) = desk.hitl("runs", run["id"], "--json").json["effects"]
    assert effect["grant_id"] == given["id"]
    assert f"under grant {given['id']}" in desk.hitl("runs", run["id"]).flat
    (request,) = jot(desk, "no")["pending"]
    assert "its condition does not hold" in request["because"]["why"]
    listed = desk.hitl("grants").flat
    assert all(word in listed for word in (given["id"], "active", "1 of 5", "a busy day", "starts_with"))
    gone = desk.hitl("grants", "revoke", given["id"][-12:], "--as", "bob")
    assert f"grant {given['id']} is revoked" in gone.flat
    assert [each["state"] for each in desk.hitl("grants", "--json").json["grants"]] == ["revoked"]
    again = desk.hitl("grants", "revoke", given["id"], "--as", "eve", "--json")
    assert (again.code, again.json["state"], again.json["revoked_by"]) == (0, "revoked", "bob")
    assert jot(desk, "ok 2")["state"] == "paused"
    assert jotted(desk) == ["ok 1"]


def test_a_grant_for_one_agent_and_run_with_a_sum_is_shown_whole(desk: Shop) -> None:
    run = jot(desk, "x")["id"]
    assert "there are no grants" in desk.hitl("grants").out
    more = ("--agent", "clerk", "--run", run[-12:], "--sum", "text", "--most", "7")
    said = desk.hitl("grant", "jot", "--for", "90s", *more, "--as", "ann").flat
    assert re.search(r"end it with: .* grants revoke [-\w]{36} --as WHO -c ", said)
    listed = "".join(desk.hitl("grants").out.split())
    assert all(word in listed for word in ("clerk", "text", "0of7"))
    assert desk.hitl("grants", "--json").json["grants"][0]["allows"]["run_id"] == run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("grant", "jot", "--for", "soon", "--as", "ann"), "'soon' is not a duration"),
        (("grant", "jot", "--for", "1h", "--when", "[1]", "--as", "ann"), "must be a JSON object"),
        (("grant", "jot", "--for", "1h", "--most", "-1", "--sum", "a", "--as", "ann"), "--most"),
        (("grants", "revoke", "abcdef", "--as", "ann"), "there is no grant 'abcdef'"),
        (("grants", "revoke", "0" * 36, "--as", "ann"), "there is no grant"),
        (("grant", "jot", "--for", "1h", "--when", '{"context": "a", "equals": 1}', "--as", "ann"), "a grant looks at"),
    ],
)
def test_what_is_wrong_is_said(desk: Shop, arguments: tuple[str, ...], said: str) -> None:
    done = desk.hitl(*arguments)
    assert done.code in (1, 2)
    assert said in " ".join(done.err.split())


def test_an_approval_comes_with_a_grant(desk: Shop) -> None:
    (request,) = asked(desk, "same")
    like = ("--grant", "1h", "--times", "1", "--as", "ann")
    said = desk.hitl("respond", request, "approve", *like, "--json").json
    assert said["grant"]["allows"]["when"] == {
        "all": [{"argument": ["order"], "equals": "A-1042"}, {"argument": ["text"], "equals": "same"}]
    }
    assert jot(desk, "other")["state"] == "paused"
    assert jot(desk, "same")["state"] == "completed"
    assert jot(desk, "same")["state"] == "paused"
    (request,) = asked(desk, "first")
    shown = desk.hitl("respond", request, "approve", *like, "--when", '{"argument": "text", "equals": "b"}').flat
    assert "jot runs unasked until" in shown
    assert jot(desk, "b")["state"] == "completed"
    assert jotted(desk) == ["same", "b"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("approve", "--times", "2"), "--times: means nothing without --grant"),
        (("reject", "--grant", "1h"), "--grant: means nothing with 'reject'"),
        (("approve", "--except", "abcd"), "--except: means nothing without --batch"),
        (("approve", "--batch", "--resume"), "--resume: means nothing with --batch"),
        (("approve", "--batch", "--grant", "1h"), "--grant: means nothing with --batch"),
    ],
)
def test_options_that_mean_nothing_are_refused(desk: Shop, more: tuple[str, ...], said: str) -> None:
    done = desk.hitl("respond", "0" * 36, *more, "--as", "ann")
    assert (done.code, said in " ".join(done.err.split())) == (2, True)


def test_a_batch_is_shown_first_and_answered_as_shown(desk: Shop) -> None:
    requests = asked(desk, "a", "b", "c", "d")
    answer = ("respond", requests[0], "approve", "--batch", "--except", requests[1], "--reject", requests[2])
    looked = desk.hitl(*answer, "--as", "ann")
    assert looked.code == 3
    assert all(each in looked.out for each in requests)
    assert "nothing was answered yet" in looked.flat
    seen = desk.hitl(*answer, "--as", "ann", "--json").json
    assert (seen["answered"], [each["id"] for each in seen["requests"]]) == (False, requests)
    (late,) = asked(desk, "late")
    changed = desk.hitl(*answer, "--digest", seen["digest"], "--as", "ann")
    assert (changed.code, "look at it again" in " ".join(changed.err.split())) == (2, True)
    digest = desk.hitl(*answer, "--as", "ann", "--json").json["digest"]
    done = desk.hitl(*answer, "--digest", digest, "--as", "ann", "--json").json
    assert [each["decision"] for each in done["answers"]] == ["approve", "reject", "approve", "approve"]
    assert {each["state"] for each in done["answers"]} == {"decided"}
    desk.hitl("worker", "--until-idle")
    assert sorted(jotted(desk)) == ["a", "d", "late"]
    assert [each["id"] for each in desk.hitl("inbox", "--json").json["requests"]] == [requests[1]]
    response = desk.hitl("show", late, "--json").json["response"]
    assert response["batch"] == done["batch"]


def test_a_batch_that_may_not_be_is_refused(desk: Shop) -> None:
    (first,) = (desk.hitl("run", "--json", "--input", order("pay")).json["pending"][0]["id"],)
    digest = desk.hitl("respond", first, "approve", "--batch", "--as", "ann", "--json").json["digest"]
    done = desk.hitl("respond", first, "approve", "--batch", "--digest", digest, "--as", "ann", "--json")
    assert (done.code, done.json["error"]["code"]) == (1, "HITL-D08")
    assert desk.ledger("refund") == []


def test_exceptions_are_of_the_batch(desk: Shop) -> None:
    first, other = *asked(desk, "a"), desk.hitl("run", "--json", "--input", order("pay")).json["pending"][0]["id"]
    for more, said in (
        (("--except", other), "is not open, or not like the others"),
        (("--except", first, "--reject", first), "and --reject both name"),
    ):
        done = desk.hitl("respond", first, "approve", "--batch", *more, "--as", "ann")
        assert (done.code, said in " ".join(done.err.split())) == (2, True)

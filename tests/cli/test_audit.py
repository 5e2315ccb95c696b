"""`hitl audit`: intact, broken, or it cannot be told; and the record as it stands."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.shop import Done, Shop, order

Hitl = Callable[..., Done]


@pytest.fixture
def told(hitl: Hitl) -> str:
    """The id of a run that was paused, approved and completed."""
    run = hitl("run", "--json", "--input", order()).json
    hitl("respond", run["pending"][0]["id"], "approve", "--as", "alice", "--resume")
    return str(run["id"])


@pytest.mark.usefixtures("told")
def test_an_intact_trail(hitl: Hitl) -> None:
    verified = hitl("audit", "verify", "--json")
    assert (verified.code, verified.json["ok"], verified.json["result"]) == (0, True, "intact")
    assert verified.json["findings"] == []
    assert verified.json["anchored"] == verified.json["lines"] > 5
    assert "the audit trail is intact" in hitl("audit", "verify").out


@pytest.mark.usefixtures("told")
def test_a_trail_that_was_edited(hitl: Hitl, shop: Shop) -> None:
    _sql(shop.folder / "hitl.db", "UPDATE hitl_audit SET actor = 'mallory' WHERE event = 'request.decided'")
    verified = hitl("audit", "verify", "--json")
    assert (verified.code, verified.json["result"]) == (1, "broken")
    assert verified.json["findings"][0].keys() == {"fault", "first", "last", "message"}
    assert verified.json["findings"][0]["fault"] == "edited"
    assert "the audit trail is broken" in hitl("audit", "verify").out


@pytest.mark.usefixtures("told")
def test_a_trail_without_its_witness(hitl: Hitl, shop: Shop) -> None:
    verified = hitl("audit", "verify", "--anchors", str(shop.folder / "elsewhere"), "--json")
    assert (verified.code, verified.json["result"]) == (2, "cannot be told")
    said = hitl("audit", "verify", "--anchors", str(shop.folder / "elsewhere")).flat
    assert "whether the audit trail is intact cannot be told: " in said


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("taken_away", ["deleted", "emptied", "shortened"])
def test_a_trail_that_was_cut_together_with_its_anchors(hitl: Hitl, shop: Shop, taken_away: str) -> None:
    before = hitl("audit", "verify", "--json").json["lines"]
    _take_away(shop.folder / "hitl.db.anchors", taken_away)
    _sql(shop.folder / "hitl.db", f"DELETE FROM hitl_audit WHERE seq > {before - 3}")
    for _ in ("looking does not heal it", "nor does looking twice"):
        hitl("inbox")
        verified = hitl("audit", "verify", "--json")
        assert (verified.code, verified.json["result"], verified.json["lines"]) == (1, "broken", before - 3)
        assert {"truncated", "anchors_cut"} <= {each["fault"] for each in verified.json["findings"]}
    assert f"line {before} was anchored" in hitl("audit", "verify").out


@pytest.mark.usefixtures("told")
def test_a_cut_trail_that_grew_again_is_still_known_to_be_cut(hitl: Hitl, shop: Shop) -> None:
    before = hitl("audit", "verify", "--json").json["lines"]
    (shop.folder / "hitl.db.anchors").unlink()
    _sql(shop.folder / "hitl.db", f"DELETE FROM hitl_audit WHERE seq > {before - 3}")
    hitl("run", "--json", "--input", order())
    hitl("run", "--json", "--input", order())
    verified = hitl("audit", "verify", "--json").json
    assert (verified["ok"], verified["lines"] > before) == (False, True)
    assert "rewritten" in {each["fault"] for each in verified["findings"]}


@pytest.mark.usefixtures("told")
def test_anchors_that_are_gone_leave_it_untold_and_are_not_made_anew(hitl: Hitl, shop: Shop) -> None:
    anchors = shop.folder / "hitl.db.anchors"
    anchors.unlink()
    verified = hitl("audit", "verify", "--json")
    assert (verified.code, verified.json["result"]) == (2, "cannot be told")
    assert [each["fault"] for each in verified.json["findings"]] == ["anchors_cut"]
    assert not anchors.exists()


@pytest.mark.usefixtures("told")
def test_a_remembered_anchor_that_was_edited(hitl: Hitl, shop: Shop) -> None:
    _sql(shop.folder / "hitl.db", "UPDATE hitl_store SET anchor = replace(anchor, 'hitl-anchor 1', 'hitl-anchor 7')")
    verified = hitl("audit", "verify", "--json")
    assert (verified.code, verified.json["findings"][0]["fault"]) == (1, "forged_anchor")


def test_what_holds_arguments_and_answers_is_its_owners_alone(hitl: Hitl, shop: Shop) -> None:
    hitl("run", "--json", "--input", order())
    modes = {file.name: file.stat().st_mode & 0o777 for file in shop.folder.glob("hitl.db*")}
    assert set(modes.values()) == {0o600}, modes


def test_a_trail_that_cannot_be_read(hitl: Hitl, shop: Shop) -> None:
    (shop.folder / "hitl.db").write_bytes(b"no database " * 100)
    assert hitl("audit", "verify").code == 2


def test_the_record_line_by_line_or_as_one_document(hitl: Hitl, told: str) -> None:
    lines = [json.loads(line) for line in hitl("audit", "export", "--format", "jsonl").out.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[0].keys() == {"seq", "at", "event", "subject", "actor", "body", "mac", "sealed", "unsealed"}
    assert {"run.started", "request.opened", "request.decided", "effect.executed"} <= {each["event"] for each in lines}
    assert hitl("audit", "export", "--json").json == {"entries": lines}
    other = hitl("run", "--json", "--input", order("ask")).json["id"]
    of_one = hitl("audit", "export", "--run", told, "--json").json["entries"]
    assert len(of_one) == len(lines)
    assert other not in json.dumps(of_one)


def test_the_record_as_a_table_that_no_spreadsheet_calculates(hitl: Hitl) -> None:
    run = hitl("run", "--json", "--input", order()).json
    hitl("respond", run["pending"][0]["id"], "approve", "--as", "=HYPERLINK(1)", "--resume")
    rows = list(csv.DictReader(hitl("audit", "export", "--format", "csv").out.splitlines()))
    lines = hitl("audit", "export", "--json").json["entries"]
    assert [row["seq"] for row in rows] == [str(line["seq"]) for line in lines]
    assert list(rows[0]) == ["seq", "at", "event", "subject", "actor", "body", "mac"]
    assert [row["body"] for row in rows] == [line["body"] for line in lines]
    (decided,) = [row for row in rows if row["event"] == "request.decided"]
    assert decided["actor"] == "'=HYPERLINK(1)"


def test_the_account_of_a_run_for_an_auditor(hitl: Hitl, told: str) -> None:
    text = hitl("audit", "report", told).out
    for said in ("Pay money back", "alice, who merely stated this name", "it ran and reported success", "CANNOT KNOW"):
        assert said in text, text
    document = hitl("audit", "report", told, "--format", "json").json
    assert document == hitl("audit", "report", told, "--json").json
    facts = {fact["name"]: fact["value"] for fact in document["decisions"][0]["facts"]}
    assert facts["Decided"] == "approve"
    assert len(document["lines"]) == len(hitl("audit", "export", "--run", told, "--json").json["entries"])


def test_words_from_outside_make_up_no_line_and_no_heading(hitl: Hitl) -> None:
    run = hitl("run", "--json", "--input", order()).json
    evil = "no\n## Approved by the board\n\x1b[2J<script>"
    hitl("respond", run["pending"][0]["id"], "reject", "--as", "alice", "--message", evil, "--resume")
    for form in ("text", "markdown"):
        written = hitl("audit", "report", run["id"], "--format", form).out
        assert "board" in written
        assert not any(line.lstrip().startswith("## Approved") for line in written.splitlines())
        assert "\x1b" not in written
    assert "<script>" not in written


def test_a_run_is_erased_and_the_trail_still_verifies(hitl: Hitl, told: str) -> None:
    erased = hitl("audit", "erase", "--run", told, "--as", "dora", "--reason", "asked for", "--json").json
    assert (erased["state"], erased["input"], erased["erased"]["by"]) == ("completed", None, "dora")
    assert hitl("audit", "verify").code == 0
    assert "by dora, by order" in hitl("audit", "report", told).out
    shown = hitl("runs", told, "--json").json
    assert [each["arguments"] for each in (*shown["requests"], *shown["effects"])] == [{}, {}]
    waits = hitl("run", "--json", "--input", order()).json["id"]
    refused = hitl("audit", "erase", "--run", waits, "--as", "dora", "--reason", "no", "--json")
    assert (refused.code, "cancel it first" in refused.json["error"]["message"]) == (1, True)


def test_a_person_is_erased_and_the_trail_still_verifies(hitl: Hitl, shop: Shop, told: str) -> None:
    run = hitl("run", "--json", "--input", order()).json
    waits = run["pending"][0]["id"]
    hitl("respond", waits, "approve", "--as", "alice")
    erase = ("audit", "erase", "--person", "alice", "--as", "dora", "--reason", "alice asked for it")
    refused = hitl(*erase, "--json")
    assert (refused.code, "let it end, or cancel it first" in refused.json["error"]["message"]) == (1, True)
    hitl("resume", run["id"])
    done = hitl(*erase, "--json").json
    assert done.keys() == {"name", "apart", "records", "inside"}
    assert hitl("audit", "verify").code == 0
    name = done["name"]
    exported = hitl("audit", "export").out
    assert (name in exported, "alice" in exported) == (True, False)
    assert f"{name}, who merely stated this name" in hitl("audit", "report", told).out
    assert name in hitl("show", waits).out
    assert b"alice" not in b"".join(path.read_bytes() for path in shop.folder.glob("hitl.db*"))
    again = hitl(*erase)
    assert (again.code, "HITL-U14" in again.out + again.err) == (1, True)


@pytest.mark.parametrize("whom", [(), ("--run", "R", "--person", "alice")])
def test_either_a_run_or_a_person_is_erased(hitl: Hitl, whom: tuple[str, ...]) -> None:
    wrong = hitl("audit", "erase", *whom, "--as", "dora", "--reason", "no", "--json")
    assert (wrong.code, "either a run or" in wrong.json["error"]["faults"][0]["problem"]) == (2, True)


@pytest.mark.usefixtures("told")
def test_retention_by_age(hitl: Hitl) -> None:
    assert hitl("audit", "retain", "--older-than", "2y", "--as", "cron", "--json").json == {"erased": 0}
    assert hitl("audit", "retain", "--older-than", "0h", "--as", "cron", "--json").json == {"erased": 1}
    assert hitl("audit", "verify").code == 0
    wrong = hitl("audit", "retain", "--older-than", "soon", "--as", "cron", "--json")
    assert (wrong.code, "is no age" in wrong.json["error"]["faults"][0]["problem"]) == (2, True)


def _take_away(anchors: Path, how: str) -> None:
    lines = anchors.read_text(encoding="utf-8").splitlines(keepends=True)
    if how == "deleted":
        anchors.unlink()
        return
    anchors.write_text("" if how == "emptied" else "".join(lines[:1]), encoding="utf-8")


def _sql(database: Path, statement: str) -> None:
    connection = sqlite3.connect(database)
    with connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(statement).rowcount > 0
    connection.close()

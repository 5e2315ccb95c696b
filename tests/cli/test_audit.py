"""`hitl audit`: intact, broken, or it cannot be told; and the record as it stands."""

from __future__ import annotations

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


def test_a_trail_that_cannot_be_read(hitl: Hitl, shop: Shop) -> None:
    (shop.folder / "hitl.db").write_bytes(b"no database " * 100)
    assert hitl("audit", "verify").code == 2


def test_the_record_line_by_line_or_as_one_document(hitl: Hitl, told: str) -> None:
    lines = [json.loads(line) for line in hitl("audit", "export", "--format", "jsonl").out.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[0].keys() == {"seq", "at", "event", "subject", "actor", "body", "mac"}
    assert {"run.started", "request.opened", "request.decided", "effect.executed"} <= {each["event"] for each in lines}
    assert hitl("audit", "export", "--json").json == {"entries": lines}
    other = hitl("run", "--json", "--input", order("ask")).json["id"]
    of_one = hitl("audit", "export", "--run", told, "--json").json["entries"]
    assert len(of_one) == len(lines)
    assert other not in json.dumps(of_one)


def _sql(database: Path, statement: str) -> None:
    connection = sqlite3.connect(database)
    with connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(statement).rowcount > 0
    connection.close()

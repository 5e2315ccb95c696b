"""`hitl --log json`: standard error is JSON, line by line, with what is known of where each was written."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.cli.shop import Done, Shop, eventually

pytestmark = pytest.mark.processes


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def log_of(done: Done) -> list[dict[str, Any]]:
    return lines(done.err)


def test_how_a_turn_ended_is_a_line_with_its_run_turn_and_worker(shop: Shop) -> None:
    done = shop.hitl("--log", "json", "run", "--input", '{"do": "fail"}', "--json")
    (line,) = [line for line in log_of(done) if line["logger"] == "hitl_core.endings"]
    run = done.json["id"]
    assert (line["level"], line["run_id"], line["turn"]) == ("warning", run, "1")
    assert line["worker"].count("/") == 3
    assert line["error"]["type"] == "builtins.KeyError"
    assert "the warehouse" not in done.err, "what it says is with the run"
    assert "the warehouse" in shop.hitl("runs", run).flat


def test_a_worker_says_everything_as_json(shop: Shop) -> None:
    run, request = shop.paused()
    shop.hitl("respond", request, "approve", "--as", "ann")
    worker = shop.start("--log", "json", "worker")
    eventually(lambda: bool(shop.ledger("refund")), "the refund")
    worker.terminate()
    _, said = worker.communicate()
    log = lines(said)
    assert {line["level"] for line in log} == {"info"}
    assert f"run {run} is completed" in [line["message"] for line in log]


def test_whoever_asks_for_it_has_what_was_raised(shop: Shop) -> None:
    done = shop.hitl("--log", "json", "-v", "run", "--input", '{"do": "fail"}', "--json")
    assert "the warehouse" in log_of(done)[0]["error"]["message"]


def test_lines_of_text_say_where_they_are_too_for_a_log_that_is_kept(shop: Shop) -> None:
    run, request = shop.paused()
    shop.hitl("respond", request, "approve", "--as", "ann")
    kept = shop.hitl("--log", "text", "worker", "--until-idle").err
    assert re.search(rf"INFO: run {run} is completed  \[run_id={run} turn=2 worker=\S+\]", kept)


def test_a_format_that_does_not_exist_is_refused(shop: Shop) -> None:
    done = shop.hitl("--log", "yaml", "runs")
    assert done.code == 2
    assert "yaml" in done.err

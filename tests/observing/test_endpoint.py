"""A worker with `--metrics`: what it did is counted, what waits is shown, and probes are told the truth."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg.conninfo import make_conninfo

from tests.cli.shop import PATIENCE, eventually
from tests.observing.shop import Shop

pytestmark = pytest.mark.processes


class Worker:
    """A worker process, and what it answers."""

    def __init__(self, process: subprocess.Popen[str], base: str) -> None:
        self.process, self._base = process, base

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self._base + path, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as exc:
            return exc.code, exc.read().decode()

    def health(self, path: str) -> tuple[int, dict[str, Any]]:
        status, body = self.get(path)
        return status, json.loads(body)["checks"]

    def samples(self) -> dict[tuple[str, str], float]:
        """Each sample by its name and the values of its labels, in the order of their names."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return {
            (each.name, " ".join(value for _, value in sorted(each.labels.items()))): each.value
            for family in families
            for each in family.samples
        }


@contextmanager
def working(shop: Shop) -> Iterator[Worker]:
    process = shop.start("worker", "--metrics", "0")
    try:
        assert process.stderr
        said = next(line for line in process.stderr if "http://" in line)
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found, said
        yield Worker(process, found[0])
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def run(shop: Shop) -> str:
    done = shop.hitl("run", "--input", '{"order": "A-1042", "amount": 48.5}', "--json")
    return str(done.json["pending"][0]["id"])


def test_what_it_did_and_what_waits_is_shown(shop: Shop) -> None:
    answered, _ = run(shop), run(shop)
    with working(shop) as worker:
        shop.hitl("respond", answered, "approve", "--as", "ann")
        eventually(lambda: worker.samples().get(("hitl_turns_total", "completed")) == 1, "a turn")
        found = worker.samples()
        assert worker.get("/elsewhere")[0] == 404
        crew = shop.hitl("top", "--json").json["workers"]
        assert (crew["alive"], crew["versions"][""]["workers"], crew["versions"][""]["places"]) == (1, 1, 4)
        assert "1 alive; 0 of 4 busy" in shop.hitl("top", "--once").out
        assert worker.health("/healthz")[0] == 200
        eventually(lambda: worker.health("/readyz")[0] == 200, "that it is ready")
    assert found["hitl_requests_decided_total", "confirm approve"] == 1
    assert found["hitl_decision_duration_seconds_count", "confirm"] == 1
    assert found["hitl_resume_lag_seconds_count", ""] == 1
    assert found["hitl_effects_total", "executed"] == 1
    assert found["hitl_store_duration_seconds_count", "ClaimRuns"] >= 1
    assert found["hitl_open_requests", "confirm"] in (1, 2), "as it was at the last look"
    assert found["hitl_open_oldest_seconds", ""] > 0
    assert (found["hitl_counted_all", ""], found["hitl_stops", "tool"]) == (1, 0)
    assert found["process_open_fds", ""] > 0
    assert (found["hitl_workers", "working "], found["hitl_workers", "gone "]) == (1, 0)
    assert found["hitl_workers_places", "busy "] + found["hitl_workers_places", "free "] == 4


def test_top_and_doctor_say_the_same_from_outside(shop: Shop) -> None:
    first, _ = run(shop), run(shop)
    shop.hitl("respond", first, "approve", "--as", "ann")
    top = shop.hitl("top", "--json", "--window", "3600").json
    assert (top["open"], top["ready"], top["at_least"]) == (1, 1, False)
    assert top["workers"] == {"alive": 0, "ending": 0, "gone": 0, "versions": {}}
    assert [(each["name"], each["open"]) for each in top["levels"]] == [("confirm", 1)]
    assert [(each["name"], each["open"]) for each in top["approvers"]] == [("anybody", 1)]
    assert (top["opened_per_minute"], top["decided_per_minute"], top["lag"]) == (0.03, 0.02, None), "of an hour"
    late = shop.hitl("doctor", "--ready", "--max-lag", "0", "--json")
    found = late.json["checks"]
    assert (late.code, found["store"]["ok"], found["app"]["ok"]) == (1, False, True), "an answer waits too long"
    shop.hitl("worker", "--until-idle")
    shown = shop.hitl("top", "--once").out
    assert "confirm" in shown
    assert shop.hitl("top", "--json", "--window", "3600").json["lag"]["of"] == 1
    ready = shop.hitl("doctor", "--ready", "--json")
    assert (ready.code, ready.json["ok"]) == (0, True)


@pytest.fixture
def on_a_server(server: str, tmp_path: Path) -> Shop:
    from tests.postgres.server import a_schema

    return Shop.build(tmp_path, a_schema(server, tmp_path))


@pytest.mark.postgres
def test_a_database_that_is_away_makes_it_not_ready_and_not_dead(server: str, on_a_server: Shop) -> None:
    with working(on_a_server) as worker:
        eventually(lambda: worker.health("/readyz")[0] == 200, "that it is ready")
        with away(server):
            eventually(lambda: worker.health("/readyz")[0] == 503, "that it is not ready")
            _, checks = worker.health("/readyz")
            assert (checks["store"]["ok"], checks["schema"]["ok"]) == (False, False)
            assert worker.health("/healthz")[0] == 200
            assert worker.get("/metrics")[0] == 200, "its counters are there all the same"
            gone = on_a_server.hitl("doctor", "--ready", "--json")
            assert (gone.code, gone.json["ok"]) == (1, False)
        eventually(lambda: worker.health("/readyz")[0] == 200, "the database")
        assert worker.process.poll() is None


@pytest.mark.postgres
def test_a_database_that_takes_no_changes_makes_it_not_ready(server: str, on_a_server: Shop) -> None:
    with working(on_a_server) as worker:
        eventually(lambda: worker.health("/readyz")[0] == 200, "that it is ready")
        with read_only(server):
            eventually(lambda: worker.health("/readyz")[0] == 503, "that it is not ready")
            checks = worker.health("/readyz")[1]
            assert checks["store"]["says"] == "can be read only: nothing begins, and no answer is kept"
            assert worker.health("/healthz")[0] == 200
        eventually(lambda: worker.health("/readyz")[0] == 200, "that it is ready")


@contextmanager
def read_only(server: str) -> Iterator[None]:
    """Meanwhile every session of the database can only read, as after a switch-over to a standby."""
    with psycopg.connect(make_conninfo(server, dbname="template1"), autocommit=True) as other:
        _set(other, "SET default_transaction_read_only = on")
        try:
            yield
        finally:
            _set(other, "RESET default_transaction_read_only")


def _set(other: psycopg.Connection[Any], what: LiteralString) -> None:
    other.execute("ALTER DATABASE postgres " + what)
    other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'")


@contextmanager
def away(server: str) -> Iterator[None]:
    """Meanwhile nobody gets into the database, and whoever was in it is thrown out."""
    with psycopg.connect(make_conninfo(server, dbname="template1"), autocommit=True) as other:
        other.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS false")
        try:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'")
            yield
        finally:
            other.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS true")

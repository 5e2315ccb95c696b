"""A line for each request, which somebody can search for and nobody can read a secret in."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from hitl_core.logs import JsonLines
from tests.server.middleware.asking import ann, asking


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "hitl_core.access")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "hitl_core.access"]


async def test_it_says_who_asked_for_what_and_what_came_of_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with asking(tmp_path, come=ann()) as ask:
        answered = await ask("GET", "/told?secret=s3cret")
    (line,) = lines(caplog)
    call = answered.headers["x-request-id"]
    assert line.startswith("GET /told 200 in ")
    assert line.endswith(f" ms, ann by link from 192.0.2.1, call {call}")


async def test_as_json_each_thing_stands_for_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with asking(tmp_path, come=ann()) as ask:
        answered = await ask("GET", "/told")
    (record,) = [each for each in caplog.records if each.name == "hitl_core.access"]
    found = json.loads(JsonLines().format(record))
    assert isinstance(found.pop("took_ms"), int)
    assert {name: found[name] for name in ("call", "method", "path", "status", "address", "person", "door")} == {
        "call": answered.headers["x-request-id"],
        "method": "GET",
        "path": "/told",
        "status": 200,
        "address": "192.0.2.1",
        "person": "ann",
        "door": "link",
    }


@pytest.mark.parametrize("path", ["/login/s3cret", "/l/s3cret", "/hooks/s3cret", "/told?token=s3cret"])
async def test_no_secret_of_a_path_is_written(tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str) -> None:
    caplog.set_level(logging.DEBUG)
    async with asking(tmp_path) as ask:
        await ask("GET", path, headers={"cookie": "hitl=s3cret", "authorization": "Bearer s3cret"})
    assert len(lines(caplog)) == 1
    assert "s3cret" not in "".join(each.getMessage() for each in caplog.records if each.name.startswith("hitl_core"))


async def test_a_path_cannot_forge_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with asking(tmp_path) as ask:
        await ask("GET", "/a%0aGET%20/approved%20200%E2%80%AE%1b[31m" + "x" * 500)
    (line,) = lines(caplog)
    assert line.isprintable()
    assert len(line) < 400


async def test_probes_and_style_make_no_noise(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "hitl_core.access")
    async with asking(tmp_path) as ask:
        for path in ("/healthz", "/readyz", "/static/x/y.css"):
            await ask("GET", path)
    assert lines(caplog) == []


async def test_what_breaks_is_found_by_its_call_and_tells_nobody_what_it_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with asking(tmp_path) as ask:
        answered = await ask("GET", "/breaks")
    call = answered.headers["x-request-id"]
    assert (answered.status_code, "hunter2" in answered.text) == (500, False)
    broke, written = [each for each in caplog.records if each.name == "hitl_core.access"]
    assert broke.getMessage() == f"call {call} broke"
    assert "hunter2" not in str(broke.exc_info)
    assert "500" in written.getMessage()

"""What is asked over HTTP is answered, what is not there is not, and what breaks is not ready."""

from __future__ import annotations

import logging
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http import HTTPStatus

import pytest

from hitl_core.errors import ConfigError
from hitl_core.observing import endpoint as room
from hitl_core.observing.endpoint import Endpoint, Page, address
from hitl_core.observing.health import Check, Health

CANARY = "canary-of-a-page"


def broken(headers: Mapping[str, str]) -> Page:
    raise RuntimeError(CANARY)


GOING = threading.Event()


def slow(headers: Mapping[str, str]) -> Page:
    GOING.set()
    HELD.wait(10)
    return Page(b"", "text/plain")


HELD = threading.Event()


@pytest.fixture
def base() -> Iterator[str]:
    pages = {
        "/metrics": lambda headers: Page(headers["Accept"].encode(), "text/plain"),
        "/healthz": lambda headers: Page.of(Health((Check("loop", True),))),
        "/readyz": lambda headers: Page.of(Health((Check("store", False, "HITL-S02"),))),
        "/broken": broken,
        "/slow": slow,
    }
    with Endpoint("127.0.0.1", 0, pages) as endpoint:
        yield f"http://{endpoint.host}:{endpoint.port}"


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": "text/x"}), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        return exc.code, exc.read().decode()


def test_each_path_answers_for_itself(base: str, caplog: pytest.LogCaptureFixture) -> None:
    assert get(f"{base}/metrics?x=1") == (200, "text/x")
    assert get(f"{base}/healthz")[0] == HTTPStatus.OK
    status, body = get(f"{base}/readyz")
    assert (status, "HITL-S02" in body) == (HTTPStatus.SERVICE_UNAVAILABLE, True)
    assert get(f"{base}/")[0] == HTTPStatus.NOT_FOUND
    status, body = get(f"{base}/broken")
    assert (status, CANARY in body + caplog.text) == (HTTPStatus.SERVICE_UNAVAILABLE, False)
    assert "/broken could not be answered" in caplog.text


def test_who_goes_away_in_the_middle_is_nobodys_failure(base: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whether the server notices is a matter of time, so it is told besides."""
    host, port = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as gone:
        gone.sendall(b"GET /slow HTTP/1.0\r\n\r\n")
        assert GOING.wait(10)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    HELD.set()
    assert get(f"{base}/healthz")[0] == 200
    with caplog.at_level(logging.DEBUG, "hitl_core.observing"), Endpoint("127.0.0.1", 0, {}) as endpoint:
        endpoint._server.handle_error(None, None)
    assert "a request could not be answered" in caplog.text
    assert {record.levelname for record in caplog.records} == {"DEBUG"}


def test_more_than_can_be_answered_at_once_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_MOST", 0)
    with Endpoint("127.0.0.1", 0, {}) as endpoint, pytest.raises((urllib.error.URLError, ConnectionError)):
        get(f"http://127.0.0.1:{endpoint.port}/healthz")


@pytest.mark.parametrize(
    ("given", "where"),
    [("9464", ("127.0.0.1", 9464)), ("0.0.0.0:1", ("0.0.0.0", 1)), ("[::1]:80", ("::1", 80)), (":7", ("127.0.0.1", 7))],
)
def test_it_listens_to_this_machine_alone_unless_told(given: str, where: tuple[str, int]) -> None:
    assert address(given) == where


@pytest.mark.parametrize("given", ["everywhere", "1.2.3.4:", "70000", ""])
def test_an_address_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="--metrics"):
        address(given)


def test_an_address_that_is_taken_is_refused() -> None:
    with Endpoint("127.0.0.1", 0, {}) as first, pytest.raises(ConfigError, match="cannot listen"):
        Endpoint("127.0.0.1", first.port, {})

"""What the server listens on."""

from __future__ import annotations

import socket

import pytest

from hitl_core.errors import ConfigError
from hitl_core.server.listening import address_of, bound


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_is_accepted_sends_at_once(host: str) -> None:
    """Else each answer on a connection that is kept open waits for an acknowledgement that is held back."""
    with bound(host, 0) as listening, socket.create_connection(listening.getsockname()[:2]):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken_says_what_to_do() -> None:
    with bound("127.0.0.1", 0) as listening, pytest.raises(ConfigError, match="choose another with --host and --port"):
        bound("127.0.0.1", listening.getsockname()[1])


def test_an_address_is_written_as_a_browser_takes_it() -> None:
    with bound("::1", 0) as listening:
        assert address_of(listening) == f"http://[::1]:{listening.getsockname()[1]}"

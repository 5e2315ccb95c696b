"""Which failures pass by themselves, told by the form of an error."""

from __future__ import annotations

import pytest

from hitl_core.errors import CallRefused, StoreUnavailable
from hitl_core.transient import is_transient


class Answered(Exception):
    """As the clients of models raise it."""

    def __init__(self, status: object) -> None:
        self.status_code = status


def because(outer: Exception, inner: BaseException) -> Exception:
    outer.__cause__ = inner
    return outer


def circle() -> Exception:
    error = ValueError()
    error.__cause__ = error
    return error


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503, 529, 599])
def test_a_server_that_is_busy_or_broken_passes(status: int) -> None:
    assert is_transient(Answered(status))
    assert is_transient(because(RuntimeError("the framework's own"), Answered(status)))


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(), ConnectionResetError(), TimeoutError(), StoreUnavailable("away")]
)
def test_a_connection_that_fails_passes(error: Exception) -> None:
    assert is_transient(because(RuntimeError(), error))


@pytest.mark.parametrize(
    "error",
    [
        Answered(400),
        Answered(401),
        Answered("503"),
        ValueError("503"),
        circle(),
        CallRefused("no"),
        because(CallRefused("no"), Answered(503)),
        because(CallRefused("no"), StoreUnavailable("away")),
        because(Answered(400), ValueError()),
    ],
)
def test_nothing_else_does(error: Exception) -> None:
    assert not is_transient(error)


def test_what_was_raised_from_nothing_has_no_past() -> None:
    def raised() -> None:
        try:
            raise Answered(503)
        except Answered:
            raise ValueError from None

    with pytest.raises(ValueError) as found:  # noqa: PT011  # it says nothing
        raised()
    assert not is_transient(found.value)

"""pytest's side of it: the fixtures for users' own tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.request import Request, urlopen

import pytest

from hitl_adapters.plain.kit import Kit as PlainKit
from hitl_core.testing.clock import START, ManualClock
from hitl_core.testing.conformance import Trial, chosen
from hitl_core.testing.pytest_plugin import ConformanceSuite, hitl_clock, hitl_model
from hitl_core.testing.scripted_model import ScriptedModel, Step

__all__ = ["hitl_clock", "hitl_model"]


def test_a_clock_that_the_test_moves(hitl_clock: ManualClock) -> None:
    hitl_clock.advance(hours=2)
    assert hitl_clock.now() - START == timedelta(hours=2)


def test_a_model_that_says_what_the_test_wants(hitl_model: Callable[..., ScriptedModel]) -> None:
    model = hitl_model(Step(say="hello"))
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    asked = Request(f"{model.base_url}/chat/completions", body, {"Content-Type": "application/json"})
    with urlopen(asked, timeout=10) as response:
        said: Any = json.load(response)
    assert said["choices"][0]["message"]["content"] == "hello"
    assert len(model.calls) == 1


class Broken(PlainKit):
    """A kit that has no app at all."""

    def app(self, *args: Any) -> Any:
        raise ZeroDivisionError("no app")


def test_a_failure_says_what_was_promised_and_what_was_found(request: pytest.FixtureRequest) -> None:
    suite = ConformanceSuite()
    (tried,) = chosen(names=["approve_runs_once_as_shown"])
    with Trial(Broken()) as trial, pytest.raises(AssertionError, match="failed: ZeroDivisionError: no app"):
        suite.test_behaviour(tried, trial, request)


def test_what_is_known_to_fail_must_fail(request: pytest.FixtureRequest) -> None:
    """`xfail` is strict: it marks the test, and a behaviour that passes all the same makes it fail."""
    suite = ConformanceSuite()
    (tried,) = chosen(names=["approve_runs_once_as_shown"])
    marked: list[Any] = []
    request.applymarker = marked.append  # type: ignore[method-assign, assignment]
    suite.xfail = {tried.name: "not yet"}  # type: ignore[misc]
    with Trial(PlainKit()) as trial:
        suite.test_behaviour(tried, trial, request)
    (mark,) = marked
    assert mark.kwargs == {"reason": "not yet", "strict": True}

"""A shop that is served, for every test that wants one as a process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cli.conftest import here, log_left_alone
from tests.cli.shop import Shop, ShopAtHome
from tests.server.served import Served, starting

Serve = Callable[..., Served]


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """What people and operators do is done in this process: only the server is one of its own."""
    monkeypatch.delenv("HITL_AS", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    made = Shop.build(tmp_path)
    with log_left_alone():
        yield ShopAtHome(made.folder, made.module, run=partial(here, made, capsys))


@pytest.fixture
def served() -> Iterator[Serve]:
    """`served(shop, *options)` starts `hitl serve` and waits until it listens."""
    with starting() as begin:
        yield begin

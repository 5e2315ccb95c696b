"""A shop for every test, and the command line in this very process for what needs no second one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from hitl_core.cli.app import run
from tests.cli.shop import AtHome, Done, Shop, ShopAtHome


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop.build(tmp_path)


@pytest.fixture
def hitl(shop: Shop, at_home: AtHome) -> Callable[..., Done]:
    """`hitl(*arguments)` in this process: quick, for what one process does."""
    return at_home(shop).hitl


@pytest.fixture
def at_home(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[AtHome]:
    monkeypatch.delenv("HITL_AS", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "path", list(sys.path))
    with log_left_alone():
        yield lambda shop: ShopAtHome(shop.folder, shop.module, run=partial(here, shop, capsys))


def here(shop: Shop, capsys: pytest.CaptureFixture[str], *arguments: str) -> Done:
    capsys.readouterr()
    code = run(["-c", str(shop.config), *arguments])
    return Done(code, *capsys.readouterr())


@contextmanager
def log_left_alone() -> Iterator[None]:
    log = logging.getLogger("hitl_core")
    handlers, level = list(log.handlers), log.level
    yield
    log.handlers[:] = handlers
    log.setLevel(level)

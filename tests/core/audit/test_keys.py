"""The secret: made once, readable by its owner only, never shown."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest

from hitl_core.audit import Custody, load_or_create
from hitl_core.audit.keys import ENVIRONMENT, KEY_BYTES, load
from hitl_core.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)


def test_a_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "desk.key"
    secret = load_or_create(path)
    assert len(secret) == KEY_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create(path) == load(path) == secret
    assert [each.name for each in tmp_path.iterdir()] == ["desk.key"]


def test_the_environment_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "ab" * KEY_BYTES)
    assert load_or_create(tmp_path / "desk.key") == b"\xab" * KEY_BYTES
    assert not (tmp_path / "desk.key").exists()


@pytest.mark.parametrize("bad", ["", "ab", "zz" * KEY_BYTES, "ab" * KEY_BYTES + "ab"])
def test_a_bad_secret_is_refused_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    (tmp_path / "desk.key").write_text(bad)
    with pytest.raises(ConfigError, match="32 bytes as hex digits") as caught:
        load_or_create(tmp_path / "desk.key")
    monkeypatch.setenv(ENVIRONMENT, bad)
    with pytest.raises(ConfigError, match=ENVIRONMENT):
        load_or_create(tmp_path / "other.key")
    assert not bad or bad not in str(caught.value)


def test_a_secret_that_cannot_be_made_or_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be made"):
        load_or_create(tmp_path / "nowhere" / "desk.key")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "desk.key")
    (tmp_path / "desk.key").write_bytes(b"\xff" * 64)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "desk.key")


def test_a_trail_that_has_lines_gets_no_new_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "desk.key"
    with pytest.raises(ConfigError, match=r"desk\.key' is missing.*has 1,200 lines.*move the database away"):
        load_or_create(path, lines=1200)
    assert not path.exists()
    monkeypatch.setenv(ENVIRONMENT, "ab" * KEY_BYTES)
    assert load_or_create(path, lines=1200) == b"\xab" * KEY_BYTES
    path.write_text("cd" * KEY_BYTES)
    monkeypatch.delenv(ENVIRONMENT)
    assert load_or_create(path, lines=1200) == b"\xcd" * KEY_BYTES


def test_custody_does_not_show_its_secret() -> None:
    assert "secret" not in repr(Custody(b"k" * 32, "desk", None))


def _make(path: Path, start: object, made: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    made.put(load_or_create(path))  # type: ignore[attr-defined]


@pytest.mark.processes
def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start, made = context.Barrier(4), context.SimpleQueue()
    processes = [context.Process(target=_make, args=(tmp_path / "desk.key", start, made)) for _ in range(4)]
    for process in processes:
        process.start()
    secrets = {made.get() for _ in processes}
    for process in processes:
        process.join()
        process.close()
    made.close()
    assert len(secrets) == 1

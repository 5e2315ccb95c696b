"""The outer lock: one writer at a time, and nobody waits for ever for one that hangs."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from hitl_core.errors import StoreUnavailable
from hitl_core.stores.sqlite.file.lock import FileLock


def test_one_at_a_time(tmp_path: Path) -> None:
    inside, overlaps, turns = [0], [0], [0]

    def work() -> None:
        lock = FileLock(tmp_path / "lock")
        for _ in range(50):
            with lock:
                inside[0] += 1
                overlaps[0] += inside[0] > 1
                turns[0] += 1
                inside[0] -= 1
        lock.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (turns[0], overlaps[0]) == (200, 0)


def test_who_waits_too_long_is_told_and_can_try_again(tmp_path: Path) -> None:
    holder, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock", patience=0.01)
    with holder, pytest.raises(StoreUnavailable, match="has held"), other:
        raise AssertionError("two held it at once")
    with other:
        pass
    holder.close()
    other.close()
    other.close()


def test_an_error_inside_frees_it(tmp_path: Path) -> None:
    lock, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock", patience=0)
    with pytest.raises(ZeroDivisionError), lock:
        _ = 1 / 0
    with other:
        pass
    lock.close()
    other.close()


def test_a_lock_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="lock file"), FileLock(tmp_path / "nowhere" / "lock"):
        pass

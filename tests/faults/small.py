"""A small disk: a file system of a few megabytes in memory, which only root can mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BALLAST = "ballast"


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Path]:
    """Mount it at `folder`. Where that is not allowed the test does not run, and proves nothing."""
    if os.geteuid() != 0 or _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "hitl-test", str(folder)):
        pytest.skip("a small disk can only be mounted by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, *, but: int = 0) -> None:
    """Take all the room there is, but for so many bytes."""
    with (disk / BALLAST).open("ab", buffering=0) as file:
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        file.write(bytes(max(0, free - but)))


def make_room(disk: Path) -> None:
    (disk / BALLAST).unlink()


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Nobody may have a file open for writing there."""
    assert _mount("-o", "remount,ro", str(disk)) == 0
    try:
        yield
    finally:
        assert _mount("-o", "remount,rw", str(disk)) == 0


def _mount(*arguments: str) -> int:
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode

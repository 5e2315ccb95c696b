"""Anchors: signed notes of how long the trail was and how it ended, appended to a second place.

A chain alone does not show that its end was cut off, nor that somebody with the secret wrote it anew: both need a
witness. One line each, readable by eye:

    hitl-anchor 1 <origin> <size> <seal of the last line> <time µs> <signature>
"""

from __future__ import annotations

import errno
import hmac
import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from .chain import derive
from .custody import Custody
from .keys import sync_folder

log = logging.getLogger("hitl_core.audit")

EVERY_LINES: Final = 1_000
EVERY_SECONDS: Final = 1.0
_MARK: Final = "hitl-anchor 1"


@dataclass(frozen=True, slots=True)
class Anchor:
    """The trail of `origin` had `size` lines, the last one sealed `mac`, at `at` (µs since 1970, UTC)."""

    origin: str
    size: int
    mac: bytes
    at: int

    def line(self, secret: bytes) -> str:
        """The signed line, without its end."""
        return f"{self._text()} {self._signature(secret)}"

    @classmethod
    def parse(cls, line: str) -> tuple[Self, str]:
        """An anchor and its signature. Raises ValueError for a line that is none, a torn one included."""
        if not line.startswith(f"{_MARK} "):
            raise ValueError("not an anchor")
        origin, size, mac, at, signature = line.removeprefix(_MARK).split()
        return cls(origin, int(size), bytes.fromhex(mac), int(at)), signature

    def is_signed(self, signature: str, secret: bytes) -> bool:
        return hmac.compare_digest(self._signature(secret), signature)

    def _text(self) -> str:
        return f"{_MARK} {self.origin} {self.size} {self.mac.hex()} {self.at}"

    def _signature(self, secret: bytes) -> str:
        return hmac.digest(derive(secret, "anchor"), self._text().encode(), "sha256").hex()


class Anchors:
    """Writes an anchor every 1,000 lines, a second after the first line that has none, and at the end.

    The writing happens aside: no commit waits for it, and one that fails is logged, not raised.
    """

    def __init__(
        self, custody: Custody, *, every_lines: int = EVERY_LINES, every_seconds: float = EVERY_SECONDS
    ) -> None:
        self._custody = custody
        self._every_lines = every_lines
        self._every_seconds = every_seconds
        self._guard = threading.Lock()
        self._tip: tuple[int, bytes] | None = None
        self._written: int | None = None
        self._fresh: str | None = None
        self._thread: threading.Thread | None = None
        self._moved = threading.Event()
        self._closing = threading.Event()

    def catch_up(self, tip: tuple[int, bytes]) -> None:
        """Anchor what a process that was killed has left unanchored; `tip` is how the trail ends now.

        Nothing is written where the store remembers more than is there: that would heal what is to be reported.
        """
        path, remembered = self._custody.anchors, remembered_size(self._custody)
        if path is None:
            return
        newest = _newest(path)
        size = 0 if newest is None else newest.size
        if min(size, tip[0]) < remembered:
            log.error("%s", _CUT.format(remembered=remembered, size=size, path=path, lines=tip[0]))
        elif tip[0] > size:
            self._tip = tip
            self._write()
        elif newest is not None and size > remembered:
            self._fresh = newest.line(self._custody.secret)

    def take_fresh(self) -> str | None:
        """The newest anchor as it was written, once: for the store to remember."""
        fresh, self._fresh = self._fresh, None
        return fresh

    def moved(self, tip: tuple[int, bytes]) -> None:
        """The trail has grown. Costs next to nothing unless 1,000 lines have come together."""
        if self._custody.anchors is None:
            return
        if self._written is None:
            self._written = tip[0] - 1
        self._tip = tip
        if tip[0] - self._written >= self._every_lines:
            self._write()
        elif not self._moved.is_set():
            self._rouse()

    def close(self) -> None:
        self._closing.set()
        self._moved.set()
        if self._thread is not None:
            self._thread.join()
        self._write()

    def _rouse(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="hitl-anchors", daemon=True)
            self._thread.start()
        self._moved.set()

    def _serve(self) -> None:
        while not self._closing.is_set():
            self._moved.wait()
            self._closing.wait(self._every_seconds)
            self._moved.clear()
            self._write()

    def _write(self) -> None:
        with self._guard:
            tip, path = self._tip, self._custody.anchors
            if tip is None or path is None or tip[0] == self._written:
                return
            anchor = Anchor(self._custody.origin, tip[0], tip[1], time.time_ns() // 1000)
            line = anchor.line(self._custody.secret)
            try:
                _append(path, line)
            except OSError as exc:
                log.error("the audit trail could not be anchored in %s: %s", path, exc)
                return
            self._written, self._fresh = tip[0], line


def _append(path: Path, line: str) -> None:
    """One write; after a torn line (a crash, a full disk) a new one is begun.

    It is on the disk before the store remembers it: after a power failure one that is gone would look cut.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        end = os.lseek(fd, 0, os.SEEK_END)
        torn = end > 0 and os.pread(fd, 1, end - 1) != b"\n"
        whole = ("\n" * torn + line + "\n").encode()
        if os.write(fd, whole) < len(whole):
            raise OSError(errno.ENOSPC, "there was no room for the whole line")
        os.fsync(fd)
    finally:
        os.close(fd)
    if end == 0:
        sync_folder(path)


def hand_on_anchors(source: Path | None, target: Path) -> None:
    """Keep the anchors of one file in a second one as well; those that it has already are not written again."""
    if source is None or not source.exists() or source.resolve() == target.resolve():
        return
    known = set(target.read_text(encoding="utf-8").splitlines()) if target.exists() else set[str]()
    for line in source.read_text(encoding="utf-8").splitlines():
        if line not in known:
            _append(target, line)


@dataclass(frozen=True, slots=True)
class Read:
    """One line of an anchor file: its number from 1, and the anchor, or why it is none."""

    number: int
    anchor: Anchor | None
    signature: str = ""


def remembered_anchor(custody: Custody) -> Anchor | None:
    """The anchor that the store keeps, if it keeps one of this trail that is signed with this key."""
    read = _parsed(0, custody.remembered)
    if read.anchor is None or not read.anchor.is_signed(read.signature, custody.secret):
        return None
    return read.anchor if read.anchor.origin == custody.origin else None


def remembered_size(custody: Custody) -> int:
    """How many lines were anchored when the store last remembered it."""
    anchor = remembered_anchor(custody)
    return 0 if anchor is None else anchor.size


_CUT: Final = (
    "the store remembers that {remembered} lines of its audit trail were anchored, but {path} ends with line {size} "
    "and the trail with line {lines}; nothing is anchored anew now: `hitl audit verify` says what is missing"
)


def _newest(path: Path) -> Anchor | None:
    """The anchor of the greatest size among the last few of a file that may be very long."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            tail = file.read().decode(errors="replace")
    except OSError:
        return None
    parsed = [_parsed(0, line).anchor for line in tail.splitlines()]
    return max((anchor for anchor in parsed if anchor), key=lambda anchor: anchor.size, default=None)


def read(path: Path) -> Iterator[Read]:
    """The lines of an anchor file, in order. A file that is not there has none."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _parsed(number, line)


def _parsed(number: int, line: str) -> Read:
    try:
        anchor, signature = Anchor.parse(line)
    except ValueError:
        return Read(number, None)
    return Read(number, anchor, signature)

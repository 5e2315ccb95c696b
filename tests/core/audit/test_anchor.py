"""Anchors: signed lines in a second place, written aside, torn by a crash at worst."""

from __future__ import annotations

import logging
import resource
from pathlib import Path

import pytest

from hitl_core.audit import Anchor, Anchors, Custody
from hitl_core.audit.anchor import read

SECRET = bytes(32)
HOUR = 3600.0


def custody(folder: Path) -> Custody:
    return Custody(SECRET, "hitl-desk", folder / "desk.anchors")


def sizes(folder: Path) -> list[int | None]:
    return [each.anchor.size if each.anchor else None for each in read(folder / "desk.anchors")]


def test_an_anchor_is_read_as_it_was_written() -> None:
    anchor = Anchor("hitl-desk", 7, b"m" * 32, 1_767_603_600_000_000)
    again, signature = Anchor.parse(anchor.line(SECRET) + "\n")
    assert again == anchor
    assert again.is_signed(signature, SECRET)
    assert not again.is_signed(signature, b"k" * 32)
    assert not Anchor("hitl-desk", 8, anchor.mac, anchor.at).is_signed(signature, SECRET)


def test_every_thousand_lines_there_is_one_at_once(tmp_path: Path) -> None:
    anchors = Anchors(custody(tmp_path), every_lines=1000, every_seconds=HOUR)
    for size in range(1, 2500):
        anchors.moved((size, b"m" * 32))
    assert sizes(tmp_path) == [1000, 2000]
    anchors.close()
    assert sizes(tmp_path) == [1000, 2000, 2499]


def test_a_second_after_the_first_line_there_is_one(tmp_path: Path) -> None:
    anchors = Anchors(custody(tmp_path), every_seconds=0.0)
    anchors.moved((1, b"m" * 32))
    while not sizes(tmp_path):
        pass
    assert sizes(tmp_path) == [1]
    anchors.close()
    assert sizes(tmp_path) == [1]


def test_the_next_line_after_an_anchor_gets_one_of_its_own(tmp_path: Path) -> None:
    anchors = Anchors(custody(tmp_path), every_seconds=0.0)
    for size in range(1, 4):
        anchors.moved((size, b"m" * 32))
        while sizes(tmp_path)[-1:] != [size]:
            pass
    anchors.close()
    assert sizes(tmp_path) == [1, 2, 3]
    assert anchors.take_fresh() is not None


def test_a_store_that_was_only_read_writes_none(tmp_path: Path) -> None:
    Anchors(custody(tmp_path)).close()
    assert not (tmp_path / "desk.anchors").exists()


def test_what_a_killed_process_left_is_caught_up_with(tmp_path: Path) -> None:
    for tip, expected in ((0, []), (7, [7]), (7, [7]), (5, [7]), (900, [7, 900])):
        anchors = Anchors(custody(tmp_path))
        anchors.catch_up((tip, b"m" * 32))
        anchors.close()
        assert sizes(tmp_path) == expected
    for size in range(901, 1001):
        anchors = Anchors(custody(tmp_path), every_lines=1)
        anchors.moved((size, b"m" * 32))
        anchors.close()
    Anchors(custody(tmp_path)).catch_up((1000, b"m" * 32))
    assert sizes(tmp_path)[-2:] == [999, 1000]


def test_without_a_second_place_there_are_none() -> None:
    anchors = Anchors(Custody(SECRET, "hitl-desk", None), every_lines=1)
    anchors.moved((1, b"m" * 32))
    anchors.close()


def test_a_torn_line_is_left_alone_and_the_next_one_stands_by_itself(tmp_path: Path) -> None:
    anchor = Anchor("hitl-desk", 5, b"m" * 32, 1)
    whole = anchor.line(SECRET)
    (tmp_path / "desk.anchors").write_text(f"{whole}\n{whole[:40]}")
    anchors = Anchors(custody(tmp_path))
    anchors.moved((6, b"n" * 32))
    anchors.close()
    assert sizes(tmp_path) == [5, None, 6]


@pytest.mark.parametrize(
    "line", ["", "\n", "hello\n", "hitl-anchor 2 a 1 ab 1 cd\n", "hitl-anchor 1 a x ab 1 cd\n", "\xff\n"]
)
def test_what_is_no_anchor_is_none(tmp_path: Path, line: str) -> None:
    (tmp_path / "desk.anchors").write_text(line, encoding="latin-1")
    assert [each for each in sizes(tmp_path) if each is not None] == []


def test_a_place_that_cannot_be_written_is_logged_and_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    anchors = Anchors(Custody(SECRET, "hitl-desk", tmp_path / "nowhere" / "x.anchors"), every_lines=1)
    with caplog.at_level(logging.ERROR):
        anchors.moved((1, b"m" * 32))
        anchors.moved((2, b"m" * 32))
    anchors.close()
    assert "could not be anchored" in caplog.text


def test_a_line_that_finds_no_room_is_no_anchor(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The disk takes a part of it. A store that remembered it would call the anchors cut ever after."""
    anchors, (soft, hard) = Anchors(custody(tmp_path), every_lines=1), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, hard))
    try:
        anchors.moved((1, b"m" * 32))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "could not be anchored" in caplog.text
    assert (anchors.take_fresh(), sizes(tmp_path)) == (None, [None])
    anchors.close()
    assert sizes(tmp_path) == [None, 1]
    assert anchors.take_fresh() is not None

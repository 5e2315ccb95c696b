"""The tamper matrix: what an attacker with the database (and without the key) does, and where it shows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hitl_core.audit import Custody, Fault, verify_entries
from tests.core.audit.trail import SECRET, Trail


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    """Twenty lines, anchored after ten and after all."""
    return Trail(tmp_path).anchored(size=10).anchored()


def test_an_untouched_trail_is_intact(trail: Trail) -> None:
    report = trail.report()
    assert (report.exit_code, report.findings) == (0, ())
    assert (report.lines, report.anchors, report.anchored) == (20, 2, 20)


def test_an_empty_trail_is_intact(tmp_path: Path) -> None:
    assert Trail(tmp_path, 0).report().exit_code == 0


def test_lines_after_the_last_anchor_are_counted_not_suspected(tmp_path: Path) -> None:
    report = Trail(tmp_path).anchored(size=15).report()
    assert (report.exit_code, report.lines, report.anchored) == (0, 20, 15)


# ── edited ───────────────────────────────────────────────────────────────────────────────────────────────────

EDITS: list[dict[str, Any]] = [
    {"body": "{}"},
    {"actor": "eve"},
    {"event": "request.refused"},
    {"subject": "request-99"},
    {"mac": "00" * 32},
    {"mac": "no hex"},
]


@pytest.mark.parametrize("fields", EDITS, ids=lambda fields: next(iter(fields)))
@pytest.mark.parametrize("seq", [1, 2, 10, 19])
def test_an_edited_line_is_named(trail: Trail, seq: int, fields: dict[str, Any]) -> None:
    trail.edit(seq, **fields)
    assert trail.found() == [("edited", seq, seq)]
    assert trail.report().exit_code == 1


def test_a_microsecond_is_an_edit(trail: Trail) -> None:
    trail.edit(7, at=trail.entries[6].at + timedelta(microseconds=1))
    assert trail.found() == [("edited", 7, 7)]


def test_the_last_line_is_edited_or_added(trail: Trail) -> None:
    trail.edit(20, body="{}")
    assert trail.found() == [("edited", 20, 20)]
    assert "edited or added" in trail.report().findings[0].message


def test_several_edits_are_several_findings(trail: Trail) -> None:
    for seq in (3, 9, 17):
        trail.edit(seq, actor="eve")
    assert trail.found() == [("edited", 3, 3), ("edited", 9, 9), ("edited", 17, 17)]


# ── missing ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("first", "last"), [(1, 1), (1, 4), (7, 7), (8, 13)])
def test_deleted_lines_are_named(trail: Trail, first: int, last: int) -> None:
    del trail.entries[first - 1 : last]
    assert trail.found() == [("missing", first, last)]
    assert f"line {last + 1} cannot be checked" in trail.report().findings[0].message


@pytest.mark.parametrize(("first", "last"), [(7, 7), (3, 6), (2, 2)])
def test_deleting_and_counting_anew_is_seen_where_it_happened(trail: Trail, first: int, last: int) -> None:
    del trail.entries[first - 1 : last]
    trail.renumber()
    assert trail.found() == [("missing", first, last), ("truncated", 20 - (last - first), 20)]


def test_cutting_the_end_off_shows_against_the_anchor(trail: Trail) -> None:
    del trail.entries[14:]
    assert trail.found() == [("truncated", 15, 20)]
    assert trail.report().findings[0].message == "truncated after line 14: line 20 was anchored"
    trail.entries.clear()
    assert trail.found() == [("truncated", 1, 20)]


# ── moved and added ──────────────────────────────────────────────────────────────────────────────────────────


def swap(trail: Trail, one: int, other: int) -> None:
    entries = trail.entries
    entries[one - 1], entries[other - 1] = entries[other - 1], entries[one - 1]


@pytest.mark.parametrize(
    ("one", "other", "places"),
    [
        (5, 6, [("reordered", 5, 7)]),
        (5, 12, [("reordered", 5, 6), ("reordered", 12, 13)]),
        (5, 20, [("reordered", 5, 6), ("reordered", 20, 20)]),
        (1, 2, [("reordered", 1, 3)]),
    ],
)
def test_lines_that_changed_places_are_named(
    trail: Trail, one: int, other: int, places: list[tuple[str, int, int]]
) -> None:
    swap(trail, one, other)
    trail.renumber()
    assert trail.found() == places


@pytest.mark.parametrize(("taken", "put"), [(5, 9), (9, 5), (2, 18)])
def test_a_line_that_was_moved_is_named(trail: Trail, taken: int, put: int) -> None:
    trail.entries.insert(put - 1, trail.entries.pop(taken - 1))
    trail.renumber()
    assert [fault for fault, _, _ in trail.found()] == ["reordered"]
    assert f"line {put} belongs at {taken}" in trail.report().findings[0].message


def test_an_export_in_another_order_is_seen(trail: Trail) -> None:
    swap(trail, 5, 6)
    faults = {fault for fault, _, _ in trail.found()}
    assert faults == {"missing", "reordered"}


@pytest.mark.parametrize("count", [1, 3])
def test_inserted_lines_are_named(trail: Trail, count: int) -> None:
    trail.entries[7:7] = [trail.sealed(8, "forged", bytes(32)) for _ in range(count)]
    trail.renumber()
    assert trail.found() == [("inserted", 8, 7 + count)]
    assert trail.report().exit_code == 1


def test_lines_added_without_the_key_are_named(trail: Trail) -> None:
    forger = Trail(Path("/nowhere"), 0, secret=b"f" * 32)
    for seq in (21, 22, 23):
        trail.entries.append(forger.sealed(seq, "forged", trail.tip))
    assert trail.found() == [("rewritten", 21, 23)]


# ── rewritten ────────────────────────────────────────────────────────────────────────────────────────────────


def rewritten(trail: Trail, since: int, secret: bytes) -> None:
    """All lines from `since` on, sealed anew with another secret (or the right one)."""
    forger = Trail(Path("/nowhere"), 0, origin=trail.custody.origin, secret=secret)
    forger.entries = trail.entries[: since - 1]
    for seq in range(since, 21):
        forger.entries.append(forger.sealed(seq, "forged", forger.tip))
    trail.entries = forger.entries


def test_all_rewritten_without_the_key(trail: Trail) -> None:
    rewritten(trail, 1, b"f" * 32)
    assert trail.found() == [("rewritten", 1, 20)]
    assert trail.report().exit_code == 1


def test_rewritten_and_cut(trail: Trail) -> None:
    rewritten(trail, 1, b"f" * 32)
    del trail.entries[5:]
    assert trail.found() == [("rewritten", 1, 5), ("truncated", 6, 20)]


def test_the_end_rewritten_without_the_key(trail: Trail) -> None:
    rewritten(trail, 12, b"f" * 32)
    assert trail.found() == [("rewritten", 12, 20)]


def test_rewritten_with_the_key_shows_against_the_anchor(trail: Trail) -> None:
    rewritten(trail, 12, SECRET)
    assert trail.found() == [("rewritten", 11, 20)]
    assert "not those that were anchored" in trail.report().findings[0].message


def test_a_million_bad_lines_are_counted_not_kept(tmp_path: Path) -> None:
    trail = Trail(tmp_path, 2000).anchored(size=1)
    trail.entries = [each.model_copy(update={"actor": "eve"}) if each.seq > 1 else each for each in trail.entries]
    assert trail.found() == [("rewritten", 2, 2000)]


# ── keys, anchors and other trails ───────────────────────────────────────────────────────────────────────────


def test_another_key_cannot_tell(trail: Trail) -> None:
    report = verify_entries(trail.entries, Custody(b"f" * 32, trail.custody.origin, trail.custody.anchors))
    assert [each.fault for each in report.findings] == [Fault.WRONG_KEY]
    assert report.exit_code == 2


def test_without_anchors_it_cannot_be_told(tmp_path: Path) -> None:
    report = Trail(tmp_path).report()
    assert [each.fault for each in report.findings] == [Fault.NO_ANCHORS]
    assert report.exit_code == 2


def test_a_trail_in_memory_has_no_second_place(trail: Trail) -> None:
    assert verify_entries(trail.entries, Custody(SECRET, trail.custody.origin, None)).exit_code == 0


def test_another_stores_database_in_the_place_of_ours(trail: Trail, tmp_path: Path) -> None:
    other = Trail(tmp_path, 30, origin="hitl-other").anchored()
    swapped = verify_entries(other.entries, Custody(SECRET, other.custody.origin, trail.custody.anchors))
    assert [str(each) for each in swapped.findings] == [
        "swapped: anchors 1 to 2 are of hitl-desk, but this is hitl-other"
    ]
    assert swapped.exit_code == 1
    renamed = verify_entries(other.entries, trail.custody)
    assert [each.fault for each in renamed.findings] == [Fault.REWRITTEN]


def test_a_forged_anchor_is_named(trail: Trail) -> None:
    trail.anchored(size=5, secret=b"f" * 32)
    assert trail.found() == [("forged_anchor", 3, 3)]


def test_a_torn_anchor_says_nothing(trail: Trail) -> None:
    assert trail.custody.anchors is not None
    with trail.custody.anchors.open("a") as file:
        file.write("hitl-anchor 1 hitl-de")
    assert trail.report().exit_code == 0


# ── whatever is done ─────────────────────────────────────────────────────────────────────────────────────────

acts = st.lists(
    st.tuples(st.sampled_from(["edit", "delete", "swap", "insert", "cut"]), st.integers(1, 20), st.integers(1, 20)),
    min_size=1,
    max_size=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(acts, st.booleans())
def test_no_combination_of_acts_goes_unseen(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int, int]], renumbered: bool
) -> None:
    trail = Trail(tmp_path_factory.mktemp("trail")).anchored()
    before = list(trail.entries)
    for act, one, other in acts:
        _act(trail, act, one, other)
    if renumbered:
        trail.renumber()
    report = trail.report()
    assert (report.exit_code == 1) == (trail.entries != before)
    assert all(1 <= each.first <= each.last for each in report.findings)


def _act(trail: Trail, act: str, one: int, other: int) -> None:
    entries, size = trail.entries, len(trail.entries)
    if size == 0:
        return
    one, other = (one - 1) % size, (other - 1) % size
    if act == "edit":
        entries[one] = entries[one].model_copy(update={"actor": entries[one].actor + "!"})
    elif act == "delete":
        del entries[one]
    elif act == "swap":
        entries[one], entries[other] = entries[other], entries[one]
    elif act == "insert":
        entries.insert(one, entries[other].model_copy(update={"body": "forged"}))
    else:
        del entries[one:]


def test_a_line_that_is_not_sealed_yet_is_counted_and_no_fault(tmp_path: Path) -> None:
    trail = Trail(tmp_path, 20).anchored()
    later = trail.sealed(21, "later", trail.tip, mac="", unsealed=True)
    report = verify_entries([*trail.entries, later], trail.custody)
    assert (report.findings, report.lines, report.anchored) == ((), 20, 20)
    assert (report.unsealed, report.waiting_since) == (1, later.at)


def test_a_line_that_says_it_is_sealed_needs_its_seal(tmp_path: Path) -> None:
    trail = Trail(tmp_path, 20).anchored()
    forged = trail.sealed(21, "later", trail.tip).model_copy(update={"mac": ""})
    report = verify_entries([*trail.entries, forged], trail.custody)
    assert [each.first for each in report.findings] == [21]

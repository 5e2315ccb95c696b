"""The store remembers its newest anchor: who cuts the trail has to cut it in three places, and is seen at the third."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

from hitl_core.audit import Anchor, Fault, Report, verify
from hitl_core.audit.anchor import remembered_anchor
from hitl_core.errors import StoreUnavailable
from hitl_core.stores.sqlite import SqliteStore
from tests.core.stores.sqlite.test_tampering import tamper
from tests.core.stores.world import World


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    await work(tmp_path / "desk.db", count=10)
    return tmp_path / "desk.db"


async def work(path: Path, *, count: int = 1) -> None:
    store = await SqliteStore.open(path)
    await World(store).paused(count=count)
    await store.close()


async def looked(path: Path) -> Report:
    store = await SqliteStore.open(path, anchoring=False)
    try:
        return await verify(store, store.custody)
    finally:
        await store.close()


def remembered(path: Path) -> str:
    connection = sqlite3.connect(path)
    (kept,) = connection.execute("SELECT anchor FROM hitl_store").fetchone()
    connection.close()
    return str(kept)


def anchors(path: Path) -> Path:
    return path.with_name("desk.db.anchors")


def faults(report: Report) -> set[Fault]:
    return {finding.fault for finding in report.findings}


async def test_the_newest_anchor_is_in_the_store_as_in_its_file(path: Path) -> None:
    assert remembered(path) == anchors(path).read_text(encoding="utf-8").splitlines()[-1]
    before = Anchor.parse(remembered(path))[0].size
    await work(path)
    assert Anchor.parse(remembered(path))[0].size > before
    assert (await looked(path)).exit_code == 0


@pytest.mark.parametrize("anchored", ["", "hitl-anchor 1 other 1 ab 1 cd\n"], ids=["none", "another's"])
async def test_looking_writes_no_anchor_and_heals_nothing(path: Path, anchored: str) -> None:
    tamper(path, "DELETE FROM hitl_audit WHERE seq > 8")
    anchors(path).write_text(anchored, encoding="utf-8")
    for _ in range(2):
        report = await looked(path)
        assert (report.exit_code, {Fault.TRUNCATED, Fault.ANCHORS_CUT} <= faults(report)) == (1, True)
        assert anchors(path).read_text(encoding="utf-8") == anchored


async def test_opening_to_work_does_not_heal_it_either_and_says_so(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = remembered(path)
    tamper(path, "DELETE FROM hitl_audit WHERE seq > 8")
    anchors(path).unlink()
    with caplog.at_level(logging.ERROR, logger="hitl_core.audit"):
        await work(path, count=10)
    assert "nothing is anchored anew now" in caplog.text
    assert remembered(path) == kept
    assert Fault.REWRITTEN in faults(await looked(path))


async def test_anchors_alone_taken_away_leave_it_untold(path: Path) -> None:
    anchors(path).unlink()
    report = await looked(path)
    assert (report.exit_code, faults(report)) == (2, {Fault.ANCHORS_CUT})
    assert "was cut or replaced" in str(report.findings[0])


@pytest.mark.parametrize("kept", ["nonsense", "hitl-anchor 1 {origin} 3 ab 1 cd"], ids=["no anchor", "not signed"])
async def test_what_is_kept_and_was_forged_is_reported_and_stays(path: Path, kept: str) -> None:
    tamper(path, f"UPDATE hitl_store SET anchor = replace('{kept}', '{{origin}}', origin)")
    await work(path)
    assert Fault.FORGED_ANCHOR in faults(await looked(path))


async def test_an_anchor_of_another_trail_is_not_remembered(path: Path, tmp_path: Path) -> None:
    store = await SqliteStore.open(path)
    custody = store.custody
    await store.close()
    other = Anchor("hitl-other", 3, b"m" * 32, 1).line(custody.secret)
    tamper(path, f"UPDATE hitl_store SET anchor = '{other}'")
    store = await SqliteStore.open(path)
    assert remembered_anchor(store.custody) is None
    await store.close()


async def test_what_was_anchored_before_it_could_be_remembered_is_at_the_next_chance(path: Path) -> None:
    tamper(path, "UPDATE hitl_store SET anchor = ''")
    await work(path)
    assert remembered(path).startswith("hitl-anchor 1 ")
    tamper(path, "UPDATE hitl_store SET anchor = ''")
    store = await SqliteStore.open(path)
    await store.close()
    assert (await looked(path)).exit_code == 0


async def test_a_file_that_is_there_keeps_its_mode_and_a_new_one_is_its_owners(tmp_path: Path) -> None:
    await work(tmp_path / "new.db")
    assert (tmp_path / "new.db").stat().st_mode & 0o777 == 0o600
    (tmp_path / "shared.db").touch(mode=0o640)
    (tmp_path / "shared.db").chmod(0o640)
    await work(tmp_path / "shared.db")
    assert (tmp_path / "shared.db").stat().st_mode & 0o777 == 0o640


async def test_a_store_whose_trail_is_gone_altogether_stays_shut(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE hitl_audit")
    connection.close()
    with pytest.raises(StoreUnavailable, match="hitl_audit"):
        await SqliteStore.open(path)

"""docs/performance.md, docs/scaling.md and their plots are what the kept results say, to the byte."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from xml.etree import ElementTree

import pytest

from bench.report import kept, made
from bench.report.page import performance
from bench.report.plots import svg
from bench.report.results import RESULTS, Kept
from bench.yardsticks import Curve, Fact, Figure, Found, Table
from tests.tree.source import ROOT

DOCS = ROOT / "docs"
MADE = made(kept())
FIGURE = Figure("a page of 7", "3 µs", "bare 2 µs", 1.5, 2.0)
CURVE = Curve("growth-page", "A page", "open pauses", "of the first", {"file": [(1_000, 1.0), (1_000_000, 1.4)]})


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_page_is_what_the_generator_makes_of_the_kept_results(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == MADE[name], "make it anew: python -m bench.report"


def test_no_plot_is_left_over() -> None:
    assert {f"performance/{path.name}" for path in DOCS.glob("performance/*")} == {
        name for name in MADE if name.endswith(".svg")
    }


def test_every_kept_number_stands_on_the_page() -> None:
    shown = MADE["performance.md"]
    lines = [each.measured for part in kept().values() for each in part.figures]
    assert [each for each in lines if each not in shown] == []


def test_what_is_kept_is_read_as_it_was() -> None:
    found: list[Found] = [FIGURE, CURVE, Table("Lost", ("who", "how many"), [("ours", "0")]), Fact("bytes", 7.0, "B")]
    part = Kept.now(found)

    assert Kept.read(json.loads(json.dumps(asdict(part)))) == part


def test_a_missed_goal_is_shown_as_missed() -> None:
    worse = Figure("a page of 7", "5 µs", "bare 2 µs", 2.5, 2.0)
    page = performance({"million": Kept.now([FIGURE, worse])})
    assert "1 of 2 are met" in page
    assert "| 2.50 | ≤ 2 | **missed** |" in page


def test_a_busy_machine_is_said_to_have_been_one() -> None:
    quiet, busy = (replace(Kept.now([FIGURE]), cores=2, load=load) for load in (1.5, 9.0))
    assert "Others worked on the machine" not in performance({"million": quiet})
    assert "Others worked on the machine" in performance({"million": busy})


def test_at_least_is_not_at_most() -> None:
    assert Figure("answers", "", "sync", 2.0, 1.8, least=True).met
    assert not Figure("answers", "", "sync", 1.7, 1.8, least=True).met
    assert Figure("answers", "", "sync", 1.3, 1.8, least=True, binding=True).broken()
    assert not Figure("answers", "", "sync", 1.3, 1.8, least=True, binding=True).broken(slack=1.5)


def test_a_plot_is_small_well_formed_and_readable_in_the_dark() -> None:
    text = svg(CURVE)
    assert len(text) < 8_000
    assert "prefers-color-scheme: dark" in text
    drawn = ElementTree.fromstring(text)  # noqa: S314  # our own
    (line,) = drawn.iter("{http://www.w3.org/2000/svg}polyline")
    assert len(line.get("points", "").split()) == 2


def test_the_kept_results_name_no_machine() -> None:
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    assert "/home" not in text
    assert "/tmp" not in text

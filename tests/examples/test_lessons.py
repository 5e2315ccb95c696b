"""The lessons on LangGraph; and that their verdicts have teeth: with a broken file, each says what is not true."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.examples.lessons import LESSONS, NAMES, NOT_AS_SAID, ROOT, Lessons, asked, told

pytestmark = pytest.mark.processes


class TestOnLangGraph(Lessons):
    backend = "langgraph"


@dataclass(frozen=True)
class Break:
    """A change in a file of a lesson, and the check that has to notice it."""

    file: str
    sound: str
    broken: str
    says: str


BROKEN = {
    "confirm": (
        Break("policy.toml", "batch = true\n", "", "this scene can be told to its end (BatchRefused"),
        Break("story.py", "    key = current_call().key\n", '    key = "1"\n', "none came twice"),
        Break("story.py", "price=price)}", "price=price * 10)}", "what ran is what is recorded"),
        Break("story.py", 'warnings.append("no customer has this address")', "pass", "knows better than the agent"),
    ),
    "gates": (
        Break("policy.toml", ", quorum = 2", "", "one of two is not enough"),
        Break(
            "policy.toml", 'escalate = [{ after = "4h"', 'escalate = [{ after = "7h"', "after four, cyn finds it too"
        ),
        Break("policy.toml", "days = [2026-01-06, ", "days = [", "today the chair is asked"),
        Break("policy.toml", 'veto = "30m"', 'veto = "10m"', "this scene can be told to its end (RequestExpired"),
        Break("policy.toml", 'within = "1d", at_most = 100 }', 'within = "1d", at_most = 60 }', "nobody was asked"),
        Break("people.toml", "away = [{ from = 2026-01-05", "away = [{ from = 2026-01-06", "dora is away"),
    ),
    "override": (
        Break("hitl.toml", 'lift = ["head"]', 'lift = ["gardener"]\nlift_by_another = false', "does not lift stops"),
        Break("story.py", 'of a house", undo=heating_back)', 'of a house")', "what stays is said"),
        Break("script.toml", "litres = 20 }", "litres = 200 }", "it wants 20 litres now"),
    ),
}


@pytest.mark.parametrize("lesson", NAMES)
def test_what_is_broken_is_noticed(lesson: str, tmp_path: Path) -> None:
    for each in BROKEN[lesson]:
        file = tmp_path / each.file
        text = (file if file.exists() else LESSONS / lesson / each.file).read_text(encoding="utf-8")
        assert each.sound in text
        file.write_text(text.replace(each.sound, each.broken), encoding="utf-8")
    ended = told(lesson, folder=tmp_path)
    assert ended.returncode == NOT_AS_SAID, ended.stdout + ended.stderr
    verdict = ended.stdout.rpartition("NOT AS THE LESSON SAYS")[2]
    assert [each.says for each in BROKEN[lesson] if each.says not in verdict] == [], ended.stdout


def test_a_folder_is_told_in_once(tmp_path: Path) -> None:
    (tmp_path / "hitl.db").touch()
    ended = told("confirm", folder=tmp_path)
    assert (ended.returncode, "was told in" in ended.stderr) == (2, True)


def test_who_is_asked_decides_and_the_record_holds_all_the_same() -> None:
    status, seen = asked("confirm", "a")
    assert (status, "VERDICT: as the lesson says" in seen) == (0, True), seen
    assert "mira decides: approve" in seen
    assert "each of the 6 effects" in seen, "the offer that the script refuses was not sent"


def test_asking_needs_a_terminal() -> None:
    ended = told("confirm", "--ask")
    assert (ended.returncode, "needs a terminal" in ended.stderr) == (2, True)


@pytest.mark.parametrize("lesson", NAMES)
def test_every_lesson_can_be_found(lesson: str) -> None:
    assert f"[{lesson}]({lesson}/README.md)" in (LESSONS / "README.md").read_text(encoding="utf-8")
    assert lesson in (ROOT / "Makefile").read_text(encoding="utf-8")

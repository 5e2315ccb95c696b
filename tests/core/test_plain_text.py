"""What cannot be seen is written out, and what can be seen stays as it is."""

from __future__ import annotations

import pytest

from hitl_core.channels.plain_text import Piece, fold, pieces, visible


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain, with ümläuts, 漢字 and 🙂", "plain, with ümläuts, 漢字 and 🙂"),
        ("\x1b[2J\x1b[31mred", "\\x1b[2J\\x1b[31mred"),
        ("a\rb\tc\nd\x00\x7f\x9b", "a\\rb\\tc\\nd\\x00\\x7f\\x9b"),
        ("pay \u202e001\u202c", "pay \\u202e001\\u202c"),
        ("\u2066isolated\u2069\u200f", "\\u2066isolated\\u2069\\u200f"),
        ("zero\u200bwidth\u200d\u2060\ufeff", "zero\\u200bwidth\\u200d\\u2060\\ufeff"),
        ("soft\u00adhyphen no\u00a0break line\u2028para\u2029", "soft\\xadhyphen no\\xa0break line\\u2028para\\u2029"),
        ("tag\U000e0041\U000e007f", "tag\\U000e0041\\U000e007f"),
        ("blank\u3164\u2800\u115f\uffa0", "blank\\u3164\\u2800\\u115f\\uffa0"),
        ("hidden\ufe00\U000e0100", "hidden\\ufe00\\U000e0100"),
        ("lone \ud800", "lone \\ud800"),
    ],
)
def test_what_cannot_be_seen_is_written_out(given: str, shown: str) -> None:
    assert visible(given) == shown


def test_line_feeds_stay_where_lines_are_wanted() -> None:
    assert visible("one\ntwo\r\n", lines=True) == "one\ntwo\\r\n"


def test_an_escape_of_ours_is_told_from_the_same_characters_in_the_text() -> None:
    assert list(pieces("\\x1b\x1b")) == [Piece("\\x1b"), Piece("\\x1b", escaped=True)]


def test_a_long_text_is_folded_and_says_how_much_is_hidden() -> None:
    shown, hidden = fold("\n".join(["line"] * 40), lines=12, chars=800)
    assert shown.count("\n") == 11
    assert hidden == "folded: 140 more characters in 29 lines"


def test_a_short_text_is_not_folded() -> None:
    assert fold("short") == ("short", "")

"""The line of every key path, compared with what tomllib makes of the same text."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_core.policy.checking.faults import KeyPath, spell
from hitl_core.policy.file.lines import key_lines, line_of

TEXT = '''# a comment with [brackets] and "quotes"
version = "1" # and = more
"quoted key" = 1
'literal.key' = 2
"esc\\u0061ped" = 3
dotted . key.below = { inline = [1, 2], "x y".z = """
two
lines \\""" ""quoted""""" }
list = [
    # a comment ]
    { a = 1 },

    { a = """]""", b = \'\'\'}
\'\'\' },
    [ 1979-05-27 07:32:00Z, "]" ], ]
empty = []
nothing = {}

[table]
x = 1
[table.inner]
y = -1_000.5e3

[[rules]]
id = "a"
[rules.match]
tool = "x"
[[rules.parts]]
p = 1
[[rules.parts]]
p = 2

[[ rules ]]
id = "b"
  [rules.parts]
  p = 3
'''
LINES = {
    "version": 2,
    "quoted key": 3,
    "literal.key": 4,
    "escaped": 5,
    "dotted": 6,
    "dotted.key.below.inline[1]": 6,
    "dotted.key.below.x y.z": 6,
    "list": 9,
    "list[0].a": 11,
    "list[1]": 13,
    "list[1].b": 13,
    "list[2]": 15,
    "list[2][1]": 15,
    "empty": 16,
    "nothing": 17,
    "table": 19,
    "table.x": 20,
    "table.inner": 21,
    "table.inner.y": 22,
    "rules": 24,
    "rules[0]": 24,
    "rules[0].id": 25,
    "rules[0].match.tool": 27,
    "rules[0].parts": 28,
    "rules[0].parts[0].p": 29,
    "rules[0].parts[1]": 30,
    "rules[0].parts[1].p": 31,
    "rules[1].id": 34,
    "rules[1].parts.p": 36,
}


def test_a_text_with_everything_in_it() -> None:
    found = {spell(path): line for path, line in key_lines(TEXT).items()}
    assert {path: found.get(path) for path in LINES} == LINES
    assert set(key_lines(TEXT)) == set(_paths(tomllib.loads(TEXT)))


def test_the_nearest_line_around() -> None:
    lines = key_lines(TEXT)
    assert line_of(("rules", 0, "match", "agent", 3), lines) == 26
    assert line_of(("nowhere", "at all"), lines) == 1
    assert line_of((), lines) == 1


@pytest.mark.parametrize("text", ["[", "a = [", 'a = "', "a", "a.", "[[a", "a = {"])
def test_what_is_not_toml_is_no_crash(text: str) -> None:
    assert isinstance(key_lines(text), dict)


SCRAPS = st.sampled_from(
    [
        *("[[rules]]\n", "[rules.match]\n", "[defaults]\n", "[a.b]\n", "[[a.c]]\n", "\n", '# it\'s "x"\n', "  "),
        *('id = "a"\n', "k = [1, {x = 2}, [3]]\n", "k.l = 1\n", "m = {a = 1, b.c = 2}\n", "n = [\n 1,\n # ]\n 2 ]\n"),
        *('t = """\n"x" ""\\" """\n', "u = '''\n'x' '''\n", "'q.r' = ''\n", '"s t" = ""\n', "d = 09:00:00\n"),
    ]
)


@given(st.lists(SCRAPS, max_size=12).map("".join))
def test_every_key_path_of_valid_toml_has_a_line(text: str) -> None:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = key_lines(text)
    assert set(lines) == set(_paths(raw))
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


def _paths(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, (*path, index))

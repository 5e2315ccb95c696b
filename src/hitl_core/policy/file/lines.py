"""Which line of a TOML text each key path starts on. tomllib keeps no positions, so this reads it once more.

Only for texts that tomllib has accepted: the scanner leans on that and checks nothing itself.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from contextlib import suppress
from typing import Final

from ..checking import KeyPath

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_KEY: Final = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
# A long text may end in up to five quotes: two of its own and the three that close it.
_TEXT: Final = re.compile(r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''', re.DOTALL)
_BARE: Final = re.compile(r"[^,\]}#\n]*")


def key_lines(text: str) -> dict[KeyPath, int]:
    """Key path → line number, from 1, for every table, key and list item of a valid TOML text."""
    scanner = _Scanner(text)
    # A line number is a help; losing some must never hide the fault that it would have shown.
    with suppress(IndexError, RecursionError):
        scanner.document()
    return scanner.lines


def line_of(path: KeyPath, lines: dict[KeyPath, int]) -> int:
    """The line of `path`, or of the nearest thing around it that is there."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.lines: dict[KeyPath, int] = {}
        self.newest: dict[KeyPath, int] = {}
        """The index of the last `[[table]]` of each list of tables."""
        self._breaks = [found.start() for found in re.finditer("\n", text)]

    def document(self) -> None:
        table: KeyPath = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip(_BLANK)

    def header(self) -> KeyPath:
        start = self.at
        many = self.text.startswith("[[", start)
        self.at += 1 + many
        keys = self.keys()
        self.at += 1 + many
        path = self.resolve((), keys[:-1] if many else keys)
        if many:
            path += (keys[-1],)
            self.mark(path, start)
            self.newest[path] = self.newest.get(path, -1) + 1
            path += (self.newest[path],)
        self.mark(path, start)
        return path

    def resolve(self, path: KeyPath, keys: list[str]) -> KeyPath:
        """Where a header leads: through a list of tables it means the newest one."""
        for key in keys:
            path += (key,)
            self.mark(path, self.at)
            if path in self.newest:
                path += (self.newest[path],)
        return path

    def pair(self, table: KeyPath) -> None:
        start = self.at
        path = table
        for key in self.keys():
            path += (key,)
            self.mark(path, start)
        self.at += 1  # the equals sign
        self.skip(_BLANK)
        self.value(path)

    def keys(self) -> list[str]:
        found = []
        while True:
            self.skip(_SPACE)
            found.append(_unquoted(self.take(_KEY)))
            self.skip(_SPACE)
            if self.text[self.at] != ".":
                return found
            self.at += 1

    def value(self, path: KeyPath) -> None:
        self.mark(path, self.at)
        opening = self.text[self.at]
        if opening == "[":
            self.items(path)
        elif opening == "{":
            self.pairs(path)
        else:
            self.skip(_TEXT if opening in "\"'" else _BARE)

    def items(self, path: KeyPath) -> None:
        index = 0
        while self.more("]"):
            self.value((*path, index))
            index += 1

    def pairs(self, path: KeyPath) -> None:
        while self.more("}"):
            self.pair(path)

    def more(self, closing: str) -> bool:
        """Step over the opening bracket or a comma; False (and past the end) if `closing` follows."""
        self.skip(_BLANK)
        if self.text[self.at] != closing:
            self.at += 1
            self.skip(_BLANK)
        if self.text[self.at] != closing:
            return True
        self.at += 1
        return False

    def mark(self, path: KeyPath, position: int) -> None:
        self.lines.setdefault(path, bisect_left(self._breaks, position) + 1)

    def take(self, pattern: re.Pattern[str]) -> str:
        start = self.at
        self.skip(pattern)
        return self.text[start : self.at]

    def skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else len(self.text)


def _unquoted(key: str) -> str:
    if key[:1] == '"' and "\\" in key:
        return str(tomllib.loads(f"key = {key}")["key"])
    return key[1:-1] if key[:1] in ('"', "'") else key

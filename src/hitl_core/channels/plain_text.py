"""Text from anywhere, made harmless for a terminal: what cannot be seen is written out.

Control characters could rewrite the screen, bidirectional marks could swap what is read, and characters of no
width or no ink could hide a part of what is approved. Each becomes an escape that can be read: `\\x1b`, `\\u202e`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INKLESS: Final = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),  # combining grapheme joiner
        (0x115F, 0x1160),  # Hangul fillers
        (0x17B4, 0x17B5),  # Khmer inherent vowels
        (0x180B, 0x180F),  # Mongolian selectors
        (0x2800, 0x2800),  # the empty Braille pattern
        (0x3164, 0x3164),
        (0xFFA0, 0xFFA0),
        (0xFE00, 0xFE0F),  # variation selectors: can carry a hidden message
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)
"""Letters and marks that Python calls printable and that show nothing (Unicode: Default_Ignorable_Code_Point)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text. `escaped` tells an escape of ours from the same characters in the text itself."""

    text: str
    escaped: bool = False


def pieces(text: str, *, lines: bool = False) -> Iterator[Piece]:
    """The text in order, what cannot be seen as escapes. With `lines`, line feeds stay."""
    for hidden, group in groupby(text, key=lambda char: _is_hidden(char, lines)):
        chars = "".join(group)
        yield Piece("".join(map(_escape, chars)), escaped=True) if hidden else Piece(chars)


def visible(text: str, *, lines: bool = False) -> str:
    """The text with escapes for what cannot be seen."""
    return "".join(piece.text for piece in pieces(text, lines=lines))


def fold(text: str, *, lines: int = 12, chars: int = 800) -> tuple[str, str]:
    """The beginning of a long text, and what was left away in words ("" if nothing was)."""
    shown = "\n".join(text.split("\n")[:lines])[:chars]
    rest = text[len(shown) :]
    if not rest:
        return text, ""
    return shown, f"folded: {len(rest):,} more characters in {rest.count(chr(10)) + 1:,} lines"


def _is_hidden(char: str, lines: bool) -> bool:
    if char == "\n":
        return not lines
    return not char.isprintable() or char in _INKLESS


def _escape(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

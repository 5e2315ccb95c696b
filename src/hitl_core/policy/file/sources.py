"""The texts of a policy: the file itself and what it includes, parsed, each with the lines of its keys."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

from ...errors import PolicyInvalid
from ...protocol import sha256
from ..checking import KeyPath, PolicyFault, Problem, spell
from .cursor import Cursor, Named
from .lines import key_lines, line_of

LARGEST: Final = 4_000_000
"""Bytes that a policy file may have."""

MOST_FILES: Final = 100
"""Files that one policy may be made of."""

_SYNTAX_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True)
class Source:
    """One text. `path` is None for a text that is no file; `main` for the one that the others are included by."""

    name: str
    text: str
    raw: dict[str, Any]
    path: Path | None = None
    main: bool = True
    faults: list[Problem] = field(default_factory=list)

    def top(self, named: Named) -> Cursor:
        """A cursor at the top of this text."""
        return Cursor(self.raw, (), self.faults, named)

    def line(self, path: KeyPath) -> int:
        """The line of a key path, or of the nearest thing around it."""
        return line_of(path, self._lines)

    @cached_property
    def _lines(self) -> dict[KeyPath, int]:
        return key_lines(self.text)

    def placed(self) -> Iterator[PolicyFault]:
        """The faults that were found in this text, by line."""
        lines = self._lines if self.faults else {}
        found = sorted((line_of(path, lines), spell(path), problem) for path, problem in self.faults)
        return (PolicyFault(path, problem, self.name, line) for line, path, problem in found)


def from_text(text: str, name: str) -> list[Source]:
    """The sources of a text that is no file. Raises PolicyInvalid."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PolicyInvalid([PolicyFault("", "has a lone surrogate", name)]) from None
    source = Source(name, text, _parse(text, name))
    if "include" in source.raw:
        source.faults.append((("include",), "needs a policy that is a file: paths are taken from where it lies"))
    return [source]


def from_file(path: str | PathLike[str]) -> list[Source]:
    """The sources of a file: what it includes stands before it, each file once. Raises PolicyInvalid."""
    sources: list[Source] = []
    _gather(Path(path), fspath(path), sources, (), main=True)
    return sources


def digest_of(sources: list[Source]) -> str:
    """The digest of all texts; of one text alone, its own."""
    each = [sha256(source.text.encode()) for source in sources]
    return each[0] if len(each) == 1 else sha256("\n".join(each).encode())


def _gather(path: Path, name: str, sources: list[Source], around: tuple[Path, ...], *, main: bool) -> None:
    text = _text(path, name)
    source = Source(name, text, _parse(text, name), path, main)
    for index, other in enumerate(_included(source)):
        found = path.parent / other
        if found.resolve() in {each.resolve() for each in (*around, path)}:
            source.faults.append((("include", index), f"{other!r} includes this file itself; take one of the two away"))
        elif len(sources) >= MOST_FILES:
            source.faults.append((("include", index), f"is one file too many; the limit is {MOST_FILES}"))
        elif not any(each.path and each.path.resolve() == found.resolve() for each in sources):
            _gather(found, str(found), sources, (*around, path), main=False)
    sources.append(source)


def _included(source: Source) -> list[str]:
    names = source.raw.get("include", [])
    if isinstance(names, list) and all(isinstance(name, str) and name for name in names):
        relative = [name for name in names if not Path(name).is_absolute()]
        if len(relative) == len(names):
            return relative
    source.faults.append((("include",), 'must be a list of paths from this file, such as ["shared/refunds.toml"]'))
    return []


def _text(path: Path, name: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise PolicyInvalid([PolicyFault("", "is not UTF-8 text", name, line)]) from None
    except (OSError, ValueError) as exc:
        raise PolicyInvalid([PolicyFault("", f"cannot be read: {exc}", name)]) from exc


def _parse(text: str, name: str) -> dict[str, Any]:
    if len(text) > LARGEST:
        raise PolicyInvalid([PolicyFault("", f"is larger than {LARGEST:,} characters", name)])
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as exc:
        place = _SYNTAX_PLACE.search(str(exc))
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        problem = _SYNTAX_PLACE.sub("", str(exc))
        raise PolicyInvalid([PolicyFault("", f"is not TOML: {problem}", name, line)]) from None
    except RecursionError:
        raise PolicyInvalid([PolicyFault("", "is nested too deeply", name)]) from None
    except (ValueError, ArithmeticError):  # an integer of thousands of digits, an exponent of dozens
        raise PolicyInvalid([PolicyFault("", "has a number that is too large", name)]) from None

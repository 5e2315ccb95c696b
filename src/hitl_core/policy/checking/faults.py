"""A fault in a policy: where it is (source, line and key path), what is wrong, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...errors import Fault

KeyPath = tuple[str | int, ...]
Problem = tuple[KeyPath, str]
"""A fault before its line is known."""


@dataclass(frozen=True, slots=True)
class PolicyFault(Fault):
    """A fault with its place in the policy file; `line` is None for a policy written in Python."""

    source: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line is not None else self.source
        return ": ".join(part for part in (place, self.path, self.problem) if part)


def spell(path: KeyPath) -> str:
    """`("rules", 2, "when", "all", 0)` → `rules[2].when.all[0]`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")


def below(path: KeyPath, problems: Iterable[Problem]) -> Iterator[Problem]:
    """The problems of a part, as problems of the whole."""
    return ((path + inner, problem) for inner, problem in problems)


def unknown(word: str, known: Iterable[str], *, what: str = "key") -> str:
    """The problem with a word that nobody knows, and the nearest one that is known."""
    choices = sorted(map(str, known))
    near = difflib.get_close_matches(word, choices, n=1)
    if near:
        return f"{word!r} is not a known {what}; did you mean {near[0]!r}?"
    return f"{word!r} is not a known {what}; known: {', '.join(choices)}"

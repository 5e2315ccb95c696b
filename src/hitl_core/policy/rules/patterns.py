"""Patterns that cannot hang: globs for names, regular expressions that take time in proportion to the text.

Regular expressions are run by the engine inside pydantic (Rust's `regex`): no backtracking, no look-around,
no back-references, a limit on the compiled size. An argument can make Python's own `re` run for years.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from typing import Final

from pydantic_core import SchemaError, SchemaValidator, core_schema

from .values import Doubt

LONGEST_PATTERN: Final = 512
LONGEST_SUBJECT: Final = 10_000
"""Characters of an argument that a regular expression may look at; a longer one asks."""


def names_regex(globs: Iterable[str]) -> re.Pattern[str]:
    """One regular expression for any of these globs; fnmatch's translation does not backtrack."""
    # fnmatch knows character sets too; ours are literal brackets.
    return re.compile("|".join(fnmatch.translate(glob.replace("[", "[[]")) for glob in globs))


def finder(pattern: str, *, whole: bool) -> Callable[[str], bool]:
    """A function that says whether `pattern` fits a text: the whole of it, or somewhere in it.

    Raises ValueError if the pattern is no regular expression of this kind.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"has {len(pattern)} characters; a regular expression may have {LONGEST_PATTERN}")
    alone = _validator(pattern)
    # The pattern was checked alone first, so that no bracket of its own can close ours.
    validator = _validator(rf"\A(?:{pattern})\z") if whole else alone

    def finds(subject: str) -> bool:
        if len(subject) > LONGEST_SUBJECT:
            raise Doubt(f"has more than {LONGEST_SUBJECT:,} characters, too many for a regular expression")
        if not _is_unicode(subject):
            raise Doubt("has a lone surrogate")
        return validator.isinstance_python(subject)

    return finds


def _validator(pattern: str) -> SchemaValidator:
    schema = core_schema.str_schema(pattern=pattern, strict=True, regex_engine="rust-regex")
    try:
        return SchemaValidator(schema)
    except SchemaError as exc:
        reason = str(exc).splitlines()[-1].strip().removeprefix("error: ").removeprefix("SchemaError: ")
        raise ValueError(f"is not a regular expression that can be used here: {reason}") from None


def _is_unicode(subject: str) -> bool:
    try:
        subject.encode()
    except UnicodeEncodeError:
        return False
    return True

"""Domains and words that are not what they look like, in arguments and in what the agent says.

A domain is suspicious if one of its names

- mixes letters of scripts that are not written together (`pаypal.com` with a Cyrillic а), as "highly restrictive" in
  Unicode's UTS #39 has it: Latin stands with Chinese, Japanese and Korean, no other two go together;
- reads, letter for letter, as an ASCII name that it is not (`аррӏе.com`, all Cyrillic), unless it ends with a domain in
  which its own script is at home (`.рф`, `.ru`, `.gr`);
- hides characters of no width among Latin letters.

Any other word is suspicious if it mixes Latin letters with some that cannot be told from them (`аpple` with a Cyrillic
а): whoever compares a name by eye takes it for another one.

A name that is written as `xn--…` is shown decoded, suspicious or not. Which letters look alike is a short table of
those that cannot be told apart in most fonts: letters with an accent are not in it, so `müller.de` is in order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from ..protocol import Context, Json

MOST: Final = 10
"""Warnings about one request."""

LONGEST: Final = 100_000
"""Characters of one text that are looked through."""

_LIKE: Final = {
    "CYRILLIC": ("асԁеһіјӏорԛѕԝхуѵьҽпг", "acdehijlopqswxyvbenr"),
    "GREEK": ("αικνορυχ", "aikvopux"),
    "ARMENIAN": ("օոհսցյ", "onhugj"),
    "LATIN": ("ıɡɑɩᴄᴏᴠᴡᴢꜱ", "igaicovwzs"),
}
_SKELETON: Final = str.maketrans({a: b for odd, plain in _LIKE.values() for a, b in zip(odd, plain, strict=True)})

_AT_HOME: Final = {
    "CYRILLIC": {"ru", "su", "ua", "by", "bg", "kz", "kg", "tj", "mk", "rs", "mn", "uz", "me", "ba"},
    "GREEK": {"gr", "cy"},
    "ARMENIAN": {"am"},
    "LATIN": {"tr", "az"},
}
"""Where names in these letters are ordinary. Domains that end in letters other than ASCII are at home in themselves."""

_EAST: Final = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC", "BOPOMOFO", "HANGUL"}

_WORD: Final = re.compile(r"""(?P<before>://|@)?(?P<word>[^\s<>()\[\]{}"'`,;:|/\\?#&=@!*+~^%$«»“”„‘’…]+)""")
_DOTS: Final = re.compile("[.。．｡]")
_PARTS: Final = re.compile(r"[-._\d]+")
_FILES: Final = frozenset(
    re.findall(
        r"\w+",
        "txt pdf doc docx odt rtf xls xlsx ods csv tsv ppt pptx json toml yaml yml xml html htm css js ts py rs go "
        "java cpp md rst tex log ini cfg conf sql db png jpg jpeg gif svg webp mp3 mp4 wav zip gz tar bak eml ics",
    )
)
"""Endings of file names. Behind `://` and `@` they are domains all the same."""


def in_arguments(arguments: Json) -> list[str]:
    """Warnings about the domains and words in the arguments of a call, each with its place."""
    return _warnings(_texts(arguments, "arguments"))


def in_prose(context: Context) -> list[str]:
    """Warnings about the domains and words in what the agent says about its request."""
    said: list[tuple[str, str]] = [("the agent's words", text) for text in (context.message, *context.alternatives)]
    return _warnings((*said, *_texts(context.details, "the agent's words")))


def _warnings(texts: Iterable[tuple[str, str]]) -> list[str]:
    found = (f"{place}: {problem}" for place, text in texts for problem in _problems(text))
    return list(islice(dict.fromkeys(found), MOST))


def _texts(value: Json, place: str) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, keys included, with its place."""
    match value:
        case str():
            yield place, value
        case list() | tuple():
            for number, each in enumerate(value):
                yield from _texts(each, f"{place}.{number}")
        case dict():
            for key, each in value.items():
                yield place, key
                yield from _texts(each, f"{place}.{key}")
        case _:
            return


def _problems(text: str) -> Iterator[str]:
    if text.isascii() and "xn--" not in text.lower():
        return
    for found in _WORD.finditer(text[:LONGEST]):
        word = found["word"].strip(".-_")
        if _is_domain(word, sure=found["before"] is not None):
            yield from _of_domain(word)
        elif not word.isascii():
            yield from _of_word(word)


def _is_domain(word: str, *, sure: bool) -> bool:
    """Whether a word can be a domain: it has dots, and its end is no number, not a file's, and no new sentence."""
    *names, end = _DOTS.split(word)
    numbered = any(char.isdecimal() for char in end) and not end.lower().startswith("xn--")
    if not names or not all(names) or len(end) < 2 or numbered:
        return False
    return sure or (end.lower() not in _FILES and not (end.istitle() and not word.istitle()))


def _of_word(word: str) -> Iterator[str]:
    """What is wrong with a word that is no domain; its parts are words of their own (`web-сайт`)."""
    for part in _PARTS.split(word):
        name = unicodedata.normalize("NFKC", part).casefold()
        like = name.translate(_SKELETON)
        scripts = _scripts(name)
        if like.isascii() and not name.isascii() and "LATIN" in scripts and len(scripts) > 1:
            yield f"the word {part!r} looks like {like!r} and is not: it {_mixes(scripts)}"


# ── one domain ───────────────────────────────────────────────────────────────────────────────────────────────


def _of_domain(word: str) -> Iterator[str]:
    names = [unicodedata.normalize("NFKC", name).casefold() for name in _DOTS.split(word)]
    read = [_decoded(name) for name in names]
    if None in read:
        yield f"the domain {word!r} cannot be decoded"
        return
    decoded = [name for name in read if name is not None]
    reasons = dict.fromkeys(reason for name in decoded if (reason := _suspicious(name, decoded[-1])))
    if reasons:
        yield f"the domain {'.'.join(decoded)!r} is {'.'.join(map(_encoded, decoded))!r}: {'; '.join(reasons)}"
    elif decoded != names:
        yield f"the domain {word!r} reads {'.'.join(decoded)!r}"


def _decoded(name: str) -> str | None:
    if not name.startswith("xn--"):
        return name
    try:
        return name.removeprefix("xn--").encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return None


def _encoded(name: str) -> str:
    """The name as it is looked up: nobody can mistake it for another one."""
    return name if name.isascii() else f"xn--{name.encode('punycode').decode()}"


def _suspicious(name: str, end: str) -> str:
    """Why a name is not to be trusted, "" if nothing is wrong with it."""
    if name.isascii():
        return ""
    scripts = _scripts(name)
    if any(unicodedata.category(char) == "Cf" for char in name) and scripts <= {"LATIN"}:
        return f"{name!r} hides characters that cannot be seen"
    foreign = scripts - _EAST
    if len(foreign) > 1 or (foreign and foreign != scripts and foreign != {"LATIN"}):
        return f"{name!r} {_mixes(scripts)}"
    like = name.translate(_SKELETON)
    at_home = not end.isascii() or any(end in _AT_HOME.get(script, ()) for script in scripts)
    return f"{name!r} looks like {like!r} and is not" if like.isascii() and not at_home else ""


def _scripts(name: str) -> set[str]:
    """The scripts of its letters: Unicode names each by its own."""
    return {unicodedata.name(char, "UNKNOWN").split()[0] for char in name if char.isalpha()}


def _mixes(scripts: set[str]) -> str:
    return f"mixes {' and '.join(sorted(each.capitalize() for each in scripts))} letters"

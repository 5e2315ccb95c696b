"""The account of a run as plain text and as Markdown. What came from outside cannot make up a line or a heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ...audit import Account, Chapter, Fact
from ...channels.plain_text import visible

_MARKUP: Final = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&])")


def as_text(account: Account) -> Iterator[str]:
    """The lines of a text that is read in any editor."""
    yield visible(account.title)
    for heading, chapters in _parts(account):
        yield from ("", heading.upper())
        for chapter in chapters:
            yield from ("", f"  {visible(chapter.title)}")
            yield from (f"    {fact.name}: {visible(fact.value)}" for fact in chapter.facts)
    yield from ("", _RECORD.upper(), "", *(f"  {fact.name}  {visible(fact.value)}" for fact in account.lines))
    yield from ("", _UNKNOWN.upper(), "", *(f"  - {visible(each)}" for each in account.unknown))


def as_markdown(account: Account) -> Iterator[str]:
    """The same as Markdown; text from outside stays text."""
    yield f"# {_escaped(account.title)}"
    for heading, chapters in _parts(account):
        yield from ("", f"## {heading}")
        for chapter in chapters:
            yield from ("", f"### {_escaped(chapter.title)}", "", *map(_item, chapter.facts))
    yield from ("", f"## {_RECORD}", "", *map(_item, account.lines))
    yield from ("", f"## {_UNKNOWN}", "", *(f"- {_escaped(each)}" for each in account.unknown))


_RECORD: Final = "The record, line by line"
_UNKNOWN: Final = "What this account cannot know"


_HEADINGS: Final = {
    "decisions": "What people were asked, and decided",
    "actions": "What was done",
    "grants": "What people had let run without asking each time",
    "overrides": "What people put in the place of what came out",
    "undos": "What was to be taken back",
    "guidance": "What people said to the agent",
    "interventions": "What people did to the run besides",
}


def _parts(account: Account) -> Iterator[tuple[str, tuple[Chapter, ...]]]:
    yield "What it was", (account.summary,)
    for name, chapters in account.parts.items():
        yield _HEADINGS[name], chapters or (Chapter("none", ()),)


def _item(fact: Fact) -> str:
    return f"- **{_escaped(fact.name)}**: {_escaped(fact.value)}"


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", visible(text))

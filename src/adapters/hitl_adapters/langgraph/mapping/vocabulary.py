"""What the words in people's graphs mean: constants they compare with, and names they give to answers.

Collected from about sixty public graphs (research/langgraph.md §3.4). A word that is not here means nothing.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


def listed(text: str) -> tuple[str, ...]:
    """The words of a text, for tables that are easier to read as one."""
    return tuple(text.split())


class Meaning(StrEnum):
    """What a word says about the thing that was asked."""

    YES = "yes"
    NO = "no"
    HALT = "halt"
    """holds something up: in a text it refuses, but as an answer it may be what is to be done"""
    EDIT = "edit"
    FEEDBACK = "feedback"


_WORDS: Final = {
    Meaning.YES: """yes y approve approved ok okay accept accepted confirm confirmed continue proceed allow
        allowed agree agreed true go lgtm grant granted authorize authorized authorise authorised permit
        permitted""",
    Meaning.NO: """no n reject rejected deny denied decline declined refuse refused disapprove disapproved
        disallow disallowed false""",
    Meaning.HALT: """cancel cancelled canceled abort aborted stop stopped ignore ignored veto vetoed block blocked
        quit discard discarded drop dropped hold held withhold withheld skip skipped""",
    Meaning.EDIT: """edit edited update updated modify modified change changed amend amended correct corrected
        revised rewrite""",
    Meaning.FEEDBACK: "feedback respond response comment revise request_changes",
}
_MEANING: Final = {word: meaning for meaning, words in _WORDS.items() for word in words.split()}

_SENDS_BACK: Final = frozenset(listed("feedback revise request_changes"))
_COUNTERPARTS: Final = {
    "y": "n",
    "true": "false",
    "approve": "reject",
    "approved": "rejected",
    "accept": "reject",
    "accepted": "rejected",
    "allow": "deny",
    "allowed": "denied",
}
_GOOD: Final = frozenset(listed("sound safe good fine sure"))
"""yes as names of an answer that is true; nobody compares an answer with them"""
_FILLER: Final = frozenset(listed("is was has be user human all action decision final result response it to"))
_NEUTRAL: Final = _FILLER | frozenset(listed("answer reply value input said confirmation verdict choice"))
_DOUBT: Final = frozenset(
    listed(
        "not never without dont cannot need needs needed require requires required issue issues problem problems "
        "objection objections concern concerns change changes wrong bad fail failed failing error errors invalid "
        "risky unsafe flag flagged suspicious fraud manual manually escalate escalated quarantine wait waiting later "
        "postpone postponed defer deferred delay delayed pause paused halt halted keep kept back again redo retry "
        "rework revise revision nothing none dry undo revert rollback reset restart"
    )
)
"""words that speak of anything but going on"""
_TROUBLE: Final = re.compile(
    r"\b(?:any(?:thing|body|one)?|some(?:thing)?|is there|are there|do you (?:have|see|find)|does|is (?:it|this|that))"
    r"\b"
    r"[^?.!]*\b(?:wrong|amiss|missing|unsafe|risky|fraud(?:ulent)?|problems?|issues?|objections?|objects?|concerns?|doubts?"
    r"|mistakes?|errors?|faults?|changes|against|reasons? (?:not|against)|stop|hold|wait)\b[^?.!]*\?",
    re.IGNORECASE,
)
_REASON: Final = listed(
    "reason feedback comment comments message note notes explanation text why response suggestion "
    "suggestions instruction instructions justification data"
)
_CARRIER: Final = listed("args arguments content data value payload input draft body text output email")
_SPLIT: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def tokens(name: str) -> frozenset[str]:
    """The words in an identifier or a text: `isApproved`, `is_approved` → is, approved."""
    return frozenset(part.lower() for part in _SPLIT.findall(name))


def meaning(word: str) -> Meaning | None:
    """What a constant says when an answer is compared with it."""
    return _MEANING.get(re.sub(r"[\s-]+", "_", word.strip().lower()))


def stands_for(name: str) -> bool | None:
    """What truth means under this name: True for `approved`, False for `rejected`, None where it is not plain."""
    meanings = {_meaning_of_name(word) for word in tokens(name).difference(_FILLER)}
    if meanings == {Meaning.YES}:
        return True
    if meanings == {Meaning.NO}:
        return False
    return None


def _meaning_of_name(word: str) -> Meaning | None:
    return Meaning.YES if word in _GOOD else _MEANING.get(word)


def is_neutral(name: str) -> bool:
    """Whether a name says nothing of what truth means, as `answer` does. An unknown name may say anything."""
    return tokens(name) <= _NEUTRAL


def doubtful(name: str) -> bool:
    """Whether a name speaks of refusing, of waiting or of something wrong: a yes under it may mean no."""
    return any(refuses(word) or word in _DOUBT for word in tokens(name))


def asks_for_trouble(question: str) -> bool:
    """Whether a question asks if something is wrong ("Any objections?"): a yes to it means not to go on."""
    return _TROUBLE.search(question) is not None


def refuses(word: str) -> bool:
    return _MEANING.get(word.lower()) in (Meaning.NO, Meaning.HALT)


def sends_back(word: str) -> bool:
    """Whether a word certainly sends the thing back to its author. `respond` may send the words to somebody else."""
    return word.strip().lower() in _SENDS_BACK


def counterpart(word: str) -> str:
    """The refusal that goes with a word of consent, in the same letters."""
    no = _COUNTERPARTS.get(word.lower(), "no")
    return no.upper() if word.isupper() else no.capitalize() if word[:1].isupper() else no


def gives_reason(name: str) -> bool:
    """Whether a field of this name takes a person's words."""
    return bool(tokens(name).intersection(_REASON))


def carries_edit(name: str) -> bool:
    """Whether a field of this name takes the new arguments or the new text."""
    words = tokens(name)
    return bool(words.intersection(_CARRIER)) or speaks_of_editing(name)


def speaks_of_editing(name: str) -> bool:
    """Whether a name says that what it holds was edited: `edited_text`, `revised_content`."""
    return any(_MEANING.get(word) is Meaning.EDIT for word in tokens(name))

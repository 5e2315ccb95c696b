"""What the tests on one part of an answer take for a yes and for a no."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..vocabulary import Meaning, counterpart, doubtful, is_neutral, meaning, stands_for
from .branches import holds_on_yes
from .events import Branches, Const, Event, Use, What


class Unclear(Exception):
    """The source does not show what an answer means; the message says why."""


@dataclass(frozen=True, slots=True)
class Verb:
    """The values that mean yes and no here. `no_said`: the code compares with `no` itself.

    `edit` and `feedback` are the words of further branches, `words` all words that are compared with.
    """

    yes: Const
    no: Const
    no_said: bool
    edit: str | None = None
    feedback: str | None = None
    words: tuple[str, ...] = ()
    checked: bool = False
    """the code checks that the answer is one of its words"""

    @property
    def boolean(self) -> bool:
        return isinstance(self.yes, bool)


def verb_of(use: Use, names: Iterable[str], *, called: str, asks_approval: bool = False) -> Verb:
    """Read the tests in `use`; `names` are what the code calls this part. Raises Unclear.

    `asks_approval`: the question itself says that something is to be approved.
    """
    tests, known = use.tests, tuple(names)
    if use.opaque:
        raise Unclear(f"{called} is {', '.join(use.opaque)}, which cannot be followed")
    odd = next((t for t in tests if t.what not in (What.TRUTH, What.EQUAL)), None)
    if odd is not None:
        raise Unclear(f"{called} is tested in a way that fits more than one shape ({odd.what})")
    booleans = [t for t in tests if t.what is What.TRUTH or all(isinstance(c, bool) for c in t.constants)]
    if len(booleans) == len(tests):
        return _boolean(use, known, called, asks_approval=asks_approval)
    if booleans:
        raise Unclear(f"{called} is tested for truth and compared with words: a refusal in words is true")
    bad = next((name for name in known if doubtful(name)), None)
    if bad is not None:
        raise Unclear(f"{called} is called {bad!r}, so that a yes may mean no")
    return _words(tests, use, called)


def _boolean(use: Use, names: tuple[str, ...], called: str, *, asks_approval: bool) -> Verb:
    if use.does(What.TEXT):
        raise Unclear(f"{called} is tested for truth, and used as text")
    odd = next((name for name in names if stands_for(name) is None and not is_neutral(name)), None)
    if odd is not None:
        raise Unclear(f"{called} is called {odd!r}, so that truth may mean no")
    meanings = {stands_for(name) for name in names} - {None}
    if len(meanings) > 1:
        raise Unclear(f"{called} has names that mean opposite things: {', '.join(sorted(names))}")
    if meanings:
        yes = meanings == {True}
        return Verb(yes, not yes, no_said=True)
    if _contradicted(use.tests):
        raise Unclear(f"when {called} is true, the code seems to refuse")
    if not asks_approval and not _fitting(use.tests):
        raise Unclear(f"nothing shows whether the truth of {called} is a yes: neither its name nor the code behind it")
    return Verb(True, False, no_said=True)


def _contradicted(tests: Iterable[Event]) -> bool:
    return any(test.branches is Branches.CONTRADICT for test in tests)


def _is_yes(test: Event) -> bool:
    return any(isinstance(c, str) and meaning(c) is Meaning.YES for c in test.constants)


def _fitting(tests: Iterable[Event]) -> bool:
    return any(test.branches is Branches.FIT for test in tests)


@dataclass(frozen=True, slots=True)
class _Group:
    words: tuple[str, ...]
    kind: Literal["yes", "no", "check", "other"]
    negated: bool

    def of(self, wanted: Meaning) -> list[str]:
        return [word for word in self.words if meaning(word) is wanted]


def _words(tests: tuple[Event, ...], use: Use, called: str) -> Verb:
    groups = [_group(test, called) for test in tests]
    if _contradicted(tests):
        raise Unclear(f"on a yes in words to {called} the code seems to refuse")
    stray = next((g for g in groups if g.kind == "other" and g.negated), None)
    if stray is not None:
        raise Unclear(f"{called} is compared with {stray.words[0]!r} by !=, which a yes and a no pass alike")
    said_yes, said_no = _said(groups, "yes", called), _said(groups, "no", called)
    everything = tuple(dict.fromkeys(word for group in groups for word in group.words))
    if said_no is None:
        _require_known(groups, called)
    elif said_yes is None and not _fitting(tests):
        raise Unclear(f"{called} is only compared with {said_no!r}, and nothing shows that the code refuses then")
    if any(holds_on_yes(test) is False and _is_yes(test) for test in tests) and not _fitting(tests):
        raise Unclear(f"{called} is compared by != with {said_yes!r}, and nothing shows that the code refuses then")
    yes = said_yes if said_yes is not None else _other_than(said_no, use)
    no = said_no if said_no is not None else _refusal(yes, groups)
    return Verb(
        yes,
        no,
        no_said=said_no is not None,
        edit=_first(everything, Meaning.EDIT),
        feedback=_first(everything, Meaning.FEEDBACK),
        words=everything,
        checked=any(group.kind == "check" for group in groups),
    )


def _require_known(groups: Iterable[_Group], called: str) -> None:
    """Where no refusal is compared with, one falls through all tests: each word must be known not to be one."""
    for group in groups:
        known = {Meaning.YES, Meaning.EDIT, Meaning.FEEDBACK} if group.kind == "other" else {*Meaning, None}
        odd = next((w for w in group.words if meaning(w) is Meaning.HALT or meaning(w) not in known), None)
        if odd is not None and any(meaning(w) is not None for g in groups for w in g.words):
            raise Unclear(f"{called} is compared with {odd!r}, which may be a no, or what is to be done")


def _group(test: Event, called: str) -> _Group:
    if not all(isinstance(c, str) for c in test.constants):
        raise Unclear(f"{called} is compared with words and with other values")
    words = tuple(str(c) for c in test.constants)
    meanings = {meaning(word) for word in words}
    if {Meaning.YES, Meaning.NO} <= meanings:
        return _Group(words, "check", test.negated)
    if Meaning.YES in meanings:
        return _Group(words, "yes", test.negated)
    return _Group(words, "no" if Meaning.NO in meanings else "other", test.negated)


def _said(groups: list[_Group], kind: Literal["yes", "no"], called: str) -> str | None:
    """The word of that meaning which every such test accepts."""
    wanted = Meaning.YES if kind == "yes" else Meaning.NO
    matching = [group for group in groups if group.kind == kind]
    if not matching:
        return None
    checks = [group for group in groups if group.kind == "check"]
    for word in matching[0].of(wanted):
        if all(word in group.words for group in (*matching, *checks)):
            return word
    if kind == "no" and not checks:  # several ways to refuse, each of them a refusal
        return matching[0].of(wanted)[0]
    raise Unclear(f"{called} is compared with different words for {kind} in different places")


def _other_than(no: str | None, use: Use) -> str | None:
    """The code only knows a word for no, and takes everything else for a yes, unless it goes on to use it as text."""
    if no is None or use.spoken:
        return None
    return "yes" if no.lower() in ("no", "n") else "approve"


def _refusal(yes: str | None, groups: list[_Group]) -> str | None:
    if yes is None:
        return None
    checks = [group for group in groups if group.kind == "check"]
    if not checks:
        return counterpart(yes)
    return next((word for word in checks[0].of(Meaning.NO) if all(word in g.words for g in checks)), None)


def _first(words: Iterable[str], wanted: Meaning) -> str | None:
    return next((word for word in words if meaning(word) is wanted), None)

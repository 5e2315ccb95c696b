"""Everything that is wrong with a policy file, also what only shows beside its app and its people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING

from ...errors import PolicyInvalid
from ..checking import PolicyFault
from ..rules import Defaults, Rule
from .people import people
from .remarks import Checked, Found, Kind, Known, Remark
from .shadows import dead, shadowed
from .surroundings import ungated, unknown_tools
from .times import late

if TYPE_CHECKING:
    from ..file import Draft

_NOTHING = Known()


def check_file(path: str | PathLike[str], known: Known = _NOTHING) -> Checked:
    """Check a file. What cannot be loaded is in the result, with every fault: nothing is raised."""
    from ..file import read_file  # who has no file needs no TOML reader

    return _checked(lambda: read_file(path), known)


def check_text(text: str, *, name: str, known: Known = _NOTHING) -> Checked:
    """Check a policy that is one text, as `check_file` does."""
    from ..file import read_text  # as above

    return _checked(lambda: read_text(text, name=name), known)


def _checked(read: Callable[[], Draft], known: Known) -> Checked:
    try:
        draft = read()
    except PolicyInvalid as exc:
        faults = [each for each in exc.faults if isinstance(each, PolicyFault)]
        found = tuple(Found(Kind.INVALID, fault, "") for fault in faults)
        return Checked(found, unreadable=not all(fault.path for fault in faults))
    placed = [
        (remark, draft.place(remark.rule, remark.path, remark.says))
        for remark in check(draft.rules, draft.defaults, draft.overlays, known)
    ]
    placed.sort(key=lambda each: (each[1].source, each[1].line or 0))
    names = [rule.id for rule in draft.rules]
    return Checked(
        tuple(
            Found(remark.kind, fault, "" if remark.rule is None else names[remark.rule], remark.note)
            for remark, fault in placed
        ),
        tuple(unknown_to(known)),
    )


def check(
    rules: Sequence[Rule], defaults: Defaults, overlays: Mapping[str, Defaults], known: Known = _NOTHING
) -> Iterator[Remark]:
    """Everything that can be said about rules that can be loaded."""
    nothing = list(dead(rules))
    yield from nothing
    gone = {remark.rule for remark in nothing if remark.path in (("when",), ("match",))}
    yield from (remark for remark in shadowed(rules) if remark.rule not in gone)
    yield from late(rules, defaults, overlays)
    if known.tools is not None:
        yield from unknown_tools(rules, known.tools)
    if known.ungated is not None:
        yield from ungated(rules, known.ungated, known.tools)
    yield from people(rules, defaults, known)


def unknown_to(known: Known) -> Iterator[str]:
    """What was not looked at, because nobody could tell."""
    if known.tools is None:
        yield "whether the tools that rules name exist"
    if known.ungated is None:
        yield "whether tools run without the gate"
    if known.people is None and known.missing is None:
        yield "whether the approvers exist, and are enough"
    elif known.people is None:
        yield "whether anybody has the roles that are asked, and whether they are enough"

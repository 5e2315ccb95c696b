"""What the two ways after a test say about it: does a yes go on, and a no not?

`if answer: return {"status": "cancelled"}` takes a yes for a no. Names like `approved` settle what truth means; for a
neutral name the words in the two branches are all there is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..vocabulary import Meaning, doubtful, meaning, refuses, tokens
from .events import Branches, Event, What

Body = Sequence[ast.stmt]


def weighed(event: Event, then: Body, other: Body) -> Event:
    """The event with what the branches of its test say: `then` is where the code goes if the test holds."""
    holds = holds_on_yes(event)
    if holds is None:
        return event
    yes, no = (then, other) if holds else (other, then)
    found = _compared(yes, no)
    if found is Branches.CONTRADICT and _is_about_a_no(event):
        return event
    return replace(event, branches=_worse(event.branches, found))


def named(event: Event, name: str) -> Event:
    """The event of a test whose outcome is kept under a name: `needs_work = answer == "yes"`."""
    if holds_on_yes(event) is None or not doubtful(name):
        return event
    return replace(event, branches=Branches.CONTRADICT)


def holds_on_yes(event: Event) -> bool | None:
    """Whether a yes makes this test true; None for a test that says nothing about yes and no."""
    if event.what is What.TRUTH:
        return not event.negated
    if event.what is not What.EQUAL:
        return None
    said = {_consents(constant) for constant in event.constants}
    if len(said) > 1 or None in said:
        return None
    return said.pop() is not event.negated


def _is_about_a_no(event: Event) -> bool:
    """Whether a word for no is compared with: its other way is that of every other word, whatever they mean."""
    return event.what is What.EQUAL and not any(_consents(constant) for constant in event.constants)


def _consents(constant: object) -> bool | None:
    if isinstance(constant, bool):
        return constant
    found = meaning(constant) if isinstance(constant, str) else None
    return {Meaning.YES: True, Meaning.NO: False, Meaning.HALT: False}.get(found) if found else None


def _compared(yes: Body, no: Body) -> Branches:
    refused = _speaks_of_refusing(no)
    if _speaks_of_refusing(yes):
        return Branches.SILENT if refused else Branches.CONTRADICT
    if refused:
        return Branches.FIT
    doubt = any(doubtful(text) for text in _texts(yes)) or (_is_idle(yes) and not _is_idle(no))
    return Branches.CONTRADICT if doubt else Branches.SILENT


def _worse(known: Branches, found: Branches) -> Branches:
    return known if known is Branches.CONTRADICT or found is Branches.SILENT else found


def _speaks_of_refusing(branch: Body) -> bool:
    raises = any(isinstance(statement, ast.Raise) for statement in branch)
    return raises or any(refuses(word) for text in _texts(branch) for word in tokens(text))


def _is_idle(branch: Body) -> bool:
    """Whether nothing happens here: `pass`, or `return {}`."""
    return all(_does_nothing(statement) for statement in branch)


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Return | ast.Expr):
        return statement.value is None or ast.unparse(statement.value) in ("{}", "None", "...", "state")
    return isinstance(statement, ast.Pass | ast.Continue | ast.Break)


def _texts(branch: Body) -> Iterator[str]:
    for statement in branch:
        for node in ast.walk(statement):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.Name):
                yield node.id
            elif isinstance(node, ast.Attribute):
                yield node.attr

"""Do the branches of a condition contradict what it seems to ask?

`if answer: return {"status": "cancelled"}` takes a yes for a no. Names like `approved` settle what truth means; for a
neutral name the words in the two branches are all there is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..vocabulary import refuses, tokens


def inverted(yes: list[ast.stmt], no: list[ast.stmt]) -> bool:
    """Whether only the branch taken on yes speaks of refusing."""
    return _speaks_of_refusing(yes) and not _speaks_of_refusing(no)


def _speaks_of_refusing(branch: list[ast.stmt]) -> bool:
    return any(refuses(word) for text in _texts(branch) for word in tokens(text))


def _texts(branch: list[ast.stmt]) -> Iterator[str]:
    for statement in branch:
        for node in ast.walk(statement):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.Name):
                yield node.id
            elif isinstance(node, ast.Attribute):
                yield node.attr

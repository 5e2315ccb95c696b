"""What each test may be compared with, and which tests can never hold together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from ..rules import Doubt, Number, Op, Operand, Test, Type, finder, number, type_of
from .faults import Problem, below

DEEPEST: Final = 16
"""Levels that a condition may be nested."""

NUMERIC: Final = frozenset({Op.ABOVE, Op.AT_LEAST, Op.BELOW, Op.AT_MOST})
TEXTUAL: Final = frozenset({Op.STARTS_WITH, Op.ENDS_WITH, Op.CONTAINS, Op.MATCHES, Op.FINDS})
LISTED: Final = frozenset({Op.HAS_ITEM, Op.EVERY, Op.SOME})
DECISIVE: Final = frozenset({Op.EQUALS, Op.ONE_OF})
_FAMILIES: Final = {Type.NUMBER: NUMERIC, Type.TEXT: TEXTUAL, Type.LIST: LISTED}


def problems_of_tests(tests: tuple[Test, ...], depth: int = 0) -> Iterator[Problem]:
    """Everything that is wrong with the tests of one value."""
    if depth > DEEPEST:
        yield (), f"is nested deeper than {DEEPEST} levels"
        return
    if not tests:
        yield (), f"tests nothing; add one of {', '.join(Op)}"
        return
    for test in tests:
        yield from below((test.op.value,), _operand_problems(test.op, test.operand, depth))
    yield from _together(tests)


def _operand_problems(op: Op, operand: Operand, depth: int) -> Iterator[Problem]:
    match op:
        case Op.EVERY | Op.SOME | Op.LENGTH:
            yield from _inner_problems(op, operand, depth)
        case Op.EXISTS if not isinstance(operand, bool):
            yield (), "must be true or false"
        case Op.TYPE if not isinstance(operand, Type):
            yield (), f"must be one of {', '.join(Type)}"
        case Op.ABOVE | Op.AT_LEAST | Op.BELOW | Op.AT_MOST:
            yield from _number_problems(operand)
        case Op.STARTS_WITH | Op.ENDS_WITH | Op.CONTAINS:
            yield from _texts_problems(operand)
        case Op.MATCHES | Op.FINDS:
            yield from _pattern_problems(operand, whole=op is Op.MATCHES)
        case Op.EQUALS | Op.HAS_ITEM:
            yield from _json_problems(operand)
        case Op.ONE_OF:
            yield from _choices_problems(operand)
        case _:
            return


def _inner_problems(op: Op, operand: Operand, depth: int) -> Iterator[Problem]:
    if not isinstance(operand, tuple) or not all(isinstance(test, Test) for test in operand):
        yield (), "must be a table of tests, such as { at_most = 3 }"
        return
    yield from problems_of_tests(operand, depth + 1)
    if Op.EXISTS in {test.op for test in operand}:
        yield (Op.EXISTS.value,), "what is looked at here is always there"
    if op is Op.LENGTH and not {test.op for test in operand} <= NUMERIC | DECISIVE:
        yield (), "a length is a number: compare it with above, at_least, below, at_most, equals or one_of"


def _number_problems(operand: Operand) -> Iterator[Problem]:
    try:
        number(operand)
    except Doubt:
        yield (), "must be a finite number"


def _texts_problems(operand: Operand) -> Iterator[Problem]:
    texts = operand if isinstance(operand, tuple) else (operand,)
    if not texts or not all(isinstance(text, str) and text for text in texts):
        yield (), "must be a text, or a list of texts of which one is enough; none of them empty"


def _pattern_problems(operand: Operand, *, whole: bool) -> Iterator[Problem]:
    if not isinstance(operand, str):
        yield (), "must be a regular expression as text"
        return
    try:
        finder(operand, whole=whole)
    except ValueError as exc:
        yield (), str(exc)


def _json_problems(operand: Operand) -> Iterator[Problem]:
    if operand is None:
        yield (), 'cannot be null; use type = "null"'
    elif not _is_json(operand):
        yield (), "must be text, a number, true or false, a list or a table"


def _choices_problems(operand: Operand) -> Iterator[Problem]:
    if not isinstance(operand, tuple) or not operand:
        yield (), "must be a list with at least one value"
        return
    for index, choice in enumerate(operand):
        yield from below((index,), _json_problems(choice))


def _is_json(operand: Operand) -> bool:
    try:
        kind = type_of(operand)
    except Doubt:
        return False
    if isinstance(operand, Mapping):
        return all(map(_is_json, operand.values()))
    if isinstance(operand, tuple):
        return all(map(_is_json, operand))
    return kind is not Type.NUMBER or not list(_number_problems(operand))


# ── tests that contradict each other ────────────────────────────────────────────────────────────────────────


def _together(tests: tuple[Test, ...]) -> Iterator[Problem]:
    given = {test.op: test.operand for test in tests}
    names = ", ".join(op for op in given if op not in (Op.EXISTS, Op.TYPE))
    if given.get(Op.EXISTS) is False and len(given) > 1:
        yield (), "exists = false leaves nothing that another test could look at"
    if DECISIVE & given.keys() and len(given.keys() - {Op.EXISTS, Op.TYPE}) > 1:
        yield (), f"{names}: equals or one_of decides alone; take the others away"
    elif len(needed := _types_needed(given)) > 1:
        yield (), f"{names}: no value is {' and '.join(needed)} at once"
    if problem := _bounds_problem(given):
        yield (), problem


def _types_needed(given: Mapping[Op, Operand]) -> list[Type]:
    needed = [kind for kind, family in _FAMILIES.items() if family & given.keys()]
    declared = given.get(Op.TYPE)
    if isinstance(declared, Type) and needed and declared not in needed:
        needed.append(declared)
    if Op.LENGTH in given and needed == [Type.NUMBER]:
        needed.append(Type.LIST)
    return needed


def _bounds_problem(given: Mapping[Op, Operand]) -> str | None:
    lows, highs = _numbers(given, Op.ABOVE, Op.AT_LEAST), _numbers(given, Op.BELOW, Op.AT_MOST)
    if not lows or not highs:
        return None
    low, high = max(lows), min(highs)
    strict = low in _numbers(given, Op.ABOVE) or high in _numbers(given, Op.BELOW)
    if low > high or (low == high and strict):
        return f"no number lies between {low} and {high} as they are written here"
    return None


def _numbers(given: Mapping[Op, Operand], *ops: Op) -> list[Number]:
    found = [given[op] for op in ops if op in given and not list(_number_problems(given[op]))]
    return [bound for bound in found if isinstance(bound, int | Decimal)]

"""The cases beside a policy as tests of pytest's: one for each, with the case's name.

@pytest.mark.parametrize("case", policy_cases("policy.toml"))
def test_the_policy(case):
    case.check()
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

import pytest

from ..policy import Policy, Tried, beside, try_cases


@dataclass(frozen=True, slots=True)
class PolicyCase:
    """One case, tried."""

    tried: Tried

    def check(self) -> None:
        """Raises AssertionError, which says the place and every difference."""
        assert self.tried.passed, str(self.tried)


def policy_cases(file: str | PathLike[str], cases: str | PathLike[str] | None = None) -> list[Any]:
    """The cases of a policy file, for `pytest.mark.parametrize`; by default those in `NAME.cases.toml` beside it.

    Raises PolicyInvalid and CasesInvalid, so that a file with faults fails the collection.
    """
    tried = try_cases(Policy.from_file(file), beside(file) if cases is None else cases)
    return [pytest.param(PolicyCase(each), id=each.case.name) for each in tried]

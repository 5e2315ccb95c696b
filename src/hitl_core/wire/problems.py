"""Errors as they travel: RFC 9457, `application/problem+json`, and back to the same class with the same faults."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from .. import errors
from ..errors import (
    CapabilityNotSupported,
    Fault,
    FaultyError,
    HitlError,
    NotPermitted,
    NotSignedIn,
    NotUnderstood,
    Stopped,
    StoreUnavailable,
    StoreUnfinished,
    TooLarge,
)
from ..lifecycle import IllegalMove
from ..policy import PolicyFault
from .statuses import status_of

MEDIA_TYPE: Final = "application/problem+json"
BLANK: Final = "about:blank"
"""The type of a problem that its status says all about."""
PAGE: Final = "docs/errors.md"


class FaultForm(BaseModel):
    """One thing that is wrong: where (a dotted path, "" for the whole) and why; for a policy also its file and line."""

    model_config = ConfigDict(frozen=True, title="Fault")

    path: str
    problem: str
    source: str | None = None
    line: int | None = None

    @classmethod
    def of(cls, fault: Fault) -> Self:
        if isinstance(fault, PolicyFault):
            return cls(path=fault.path, problem=fault.problem, source=fault.source, line=fault.line)
        return cls(path=fault.path, problem=fault.problem)

    def fault(self) -> Fault:
        if self.source is None:
            return Fault(self.path, self.problem)
        return PolicyFault(self.path, self.problem, self.source, self.line)


class Problem(BaseModel):
    """Why a call came to nothing. `code` names the error, and `type` where it is described; `faults` has all of them.

    `about` is what else an error of this code says.
    """

    model_config = ConfigDict(frozen=True)

    type: str = BLANK
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = ""
    code: str | None = None
    faults: tuple[FaultForm, ...] = ()
    about: dict[str, str] = Field(default_factory=dict)


def problem_of(error: HitlError) -> Problem:
    """An error as it travels."""
    faults = error.faults if isinstance(error, FaultyError) else ()
    return Problem(
        type=f"{PAGE}#{error.code.lower()}",
        title=_title(type(error)),
        status=status_of(error),
        detail=str(error),
        code=error.code,
        faults=tuple(FaultForm.of(fault) for fault in faults),
        about=_about(error),
    )


def validation_faults(errors: Iterable[Any], *, below: int = 0) -> list[Fault]:
    """What pydantic or FastAPI has found wrong (`exc.errors()`), each with its dotted path.

    `below`: how many of the first parts of each path are left out, as they name what nobody sees.
    """
    return [Fault(".".join(map(str, each["loc"][below:])), each["msg"]) for each in errors]


def plain_problem(status: int, detail: str = "") -> Problem:
    """A problem that has no code of ours: HTTP's own."""
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)


def error_of(problem: Problem) -> HitlError:
    """The error that a problem stands for. One of a newer release comes back as the nearest that is known here."""
    kind = _classes().get(problem.code or "")
    if kind is None:
        return _by_status(problem)
    if issubclass(kind, FaultyError):
        return kind([fault.fault() for fault in problem.faults])
    if kind is CapabilityNotSupported:
        about = problem.about
        return CapabilityNotSupported(*(about.get(key, "") for key in ("adapter", "capability", "because")))
    if kind is StoreUnfinished:
        return StoreUnfinished(problem.detail, problem.about.get("source", ""))
    error = kind(problem.detail)
    if isinstance(error, Stopped) and problem.about:
        error.scope, error.target = problem.about.get("scope", ""), problem.about.get("target", "")
    return error


def _about(error: HitlError) -> dict[str, str]:
    match error:
        case CapabilityNotSupported():
            return {"adapter": error.adapter, "capability": str(error.capability), "because": error.because}
        case StoreUnfinished():
            return {"source": error.source}
        case Stopped() if error.scope:
            return {"scope": str(error.scope), "target": error.target}
        case _:
            return {}


@cache
def _classes() -> dict[str, type[HitlError]]:
    found: list[type[HitlError]] = [HitlError, IllegalMove]
    found += [each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, HitlError)]
    return {each.code: each for each in found if each is not FaultyError}


def _title(kind: type[HitlError]) -> str:
    """The first sentence of what the class says of itself."""
    return " ".join((kind.__doc__ or kind.__name__).split()).partition(". ")[0].rstrip(".")


def _by_status(problem: Problem) -> HitlError:
    said = problem.detail or problem.title
    match problem.status:
        case 401:
            return NotSignedIn(said)
        case 403:
            return NotPermitted(said)
        case 413:
            return TooLarge(said)
        case 429 | 502 | 503 | 504:
            return StoreUnavailable(f"the server cannot answer now: {said}")
        case status if status >= 500:
            return HitlError(f"the server could not do it: {problem.code or status}: {said}")
        case _:
            return NotUnderstood([fault.fault() for fault in problem.faults] or said)

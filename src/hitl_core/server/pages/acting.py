"""What all forms have in common that do something: what was written in them, and what is said when it was refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fastapi import Request
from pydantic import ValidationError

from ...errors import Fault, HitlError, NotPermitted, StoreError

LONGEST: Final = 1_000_000
"""Characters of a field; what is longer is no text that a person wrote or pasted."""


class Unclear(Exception):
    """A form is not filled in as it has to be; `faults` says where."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


async def written(request: Request) -> dict[str, str]:
    """The fields of a form as text, without space around them; of several of one name, the last.

    Browsers end the lines of a field with two characters (HTML, "normalize newlines"); here they have one.
    """
    form = await request.form()
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    return {name: text[:LONGEST].replace("\r\n", "\n").strip() for name, text in texts.items()}


def faults_of(exc: HitlError | Unclear | ValidationError) -> tuple[Fault, ...]:
    """Every fault that an error has, or the error itself as one."""
    if isinstance(exc, ValidationError):
        return tuple(Fault(".".join(map(str, each["loc"])), each["msg"]) for each in exc.errors())
    found: Iterable[Fault] = getattr(exc, "faults", ())
    return tuple(found) or (Fault("", str(exc)),)


def status_of(exc: HitlError | Unclear | ValidationError) -> int:
    """The status of a page that says why something was not done."""
    if isinstance(exc, NotPermitted):
        return 403
    if isinstance(exc, StoreError):
        return 503
    return 409 if isinstance(exc, HitlError) else 422

"""What all forms have in common: what was typed, what is wrong with it, and the status of a page that says so."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from fastapi import Request
from pydantic import ValidationError

from ...errors import Fault, HitlError
from ...wire import status_of as status_of_error
from ...wire import validation_faults
from ..auth.csrf import FIELD


class FormInvalid(Exception):
    """A form is not filled in as it has to be; `faults` says where."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


Refusal = HitlError | FormInvalid | ValidationError
"""Why a form came to nothing."""


async def typed_in(request: Request) -> dict[str, str]:
    """The fields of a form as text, exactly as typed; of several of one name, the last.

    What says that it was meant (CSRF) is none of them: it is looked at before, and is kept with nothing.

    Browsers end the lines of a field with two characters (HTML, "normalize newlines"); here they have one.
    """
    form = await request.form()
    texts = {name: value for name, value in form.multi_items() if isinstance(value, str) and name != FIELD}
    return {name: value.replace("\r\n", "\n") for name, value in texts.items()}


def stripped(typed: dict[str, str]) -> dict[str, str]:
    """The fields without space around what was typed, for forms in which it means nothing."""
    return {name: text.strip() for name, text in typed.items()}


def faults_of(exc: Refusal) -> tuple[Fault, ...]:
    """Every fault that an error has, or the error itself as one."""
    if isinstance(exc, ValidationError):
        return tuple(validation_faults(exc.errors()))
    found: Iterable[Fault] = getattr(exc, "faults", ())
    return tuple(found) or (Fault("", str(exc)),)


def status_of(exc: Refusal) -> int:
    """The status of a page that says why something was not done: that of the same error in the API."""
    return status_of_error(exc) if isinstance(exc, HitlError) else HTTPStatus.UNPROCESSABLE_ENTITY

"""The parameters that calls share, each with its bounds, and cursors as callers see them: opaque."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final, TypeVar

from fastapi import Header, Path, Query

from ...commands import Page
from ...errors import RecordError
from ...wire.bodies import LONGEST_WAIT

R = TypeVar("R")

# No control characters: no id has any, and not every database would take them.
_ID: Final = r"^[^\x00-\x1f\x7f]+$"

RunId = Annotated[str, Path(alias="id", description="The run.", min_length=1, max_length=256, pattern=_ID)]
Thread = Annotated[str, Path(description="The thread.", min_length=1, max_length=256, pattern=_ID)]
RequestId = Annotated[str, Path(alias="id", description="The request.", min_length=1, max_length=256, pattern=_ID)]
GrantId = Annotated[str, Path(alias="id", description="The grant.", min_length=1, max_length=256, pattern=_ID)]
TokenId = Annotated[str, Path(alias="id", description="The token.", min_length=1, max_length=64, pattern=_ID)]

Limit = Annotated[int, Query(description="Items of one page, at most.", ge=1, le=200)]
Cursor = Annotated[
    str | None,
    Query(description="The cursor of the page before.", min_length=1, max_length=4_096, pattern=r"^[A-Za-z0-9_-]+$"),
]
Wait = Annotated[
    float,
    Query(description="Seconds to wait for a pause or an end, at most.", ge=0, le=LONGEST_WAIT, allow_inf_nan=False),
]
CalledBy = Annotated[
    str | None,
    Query(description="Whom the caller believes to be; refused if it is not.", min_length=1, max_length=256),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Made by the caller for this one act. The same key and body again is the same act: it is not done "
        "twice, and has the same answer. Kept for a day.",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
    ),
]


def opened(cursor: str | None) -> str | None:
    """The store's cursor. Raises RecordError for what no page has had."""
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise RecordError(f"{cursor[:80]!r} is no cursor; give that of the page before, as it was, or none") from None


def closed(cursor: str | None) -> str | None:
    """A cursor as callers see it."""
    return None if cursor is None else base64.urlsafe_b64encode(cursor.encode("ascii")).decode("ascii").rstrip("=")


def page_of(page: Page[R]) -> Page[R]:
    """A page with its cursor as callers see it."""
    return Page(page.items, closed(page.cursor))

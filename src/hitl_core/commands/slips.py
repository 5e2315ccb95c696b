"""Slips: small records with a key beside the runs, such as a session, a link or a message that is under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from ..protocol import Json
from .kinds import Command, Query
from .results import Note, Page


class SlipKind(StrEnum):
    """What a slip is about."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105  # a word
    LINK = "link"
    HELD = "held"
    """An answer that is given at `due` unless its person takes it back before."""
    MESSAGE = "message"
    """A message to people that is sent, or tried again, at `due`."""
    UNTOLD = "untold"
    """A request of which no messages are kept yet. If they are not by `due`, whoever was about to has died."""
    REPEAT = "repeat"
    """What came of a call of the API that its caller may repeat."""


def hashed(text: str) -> str:
    """The key that stands for a text that is not kept itself, such as a secret: its SHA-256 in hex.

    Secrets of ours have 256 bits, which nobody tries, so a fast digest without a salt is enough.
    """
    return sha256(text.encode(errors="replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Slip:
    """A small record. `key` is what it is found by: of a secret only what it is `hashed` to, never the secret.

    `person` and `subject` (a request, a run) are whom and what it is about; "" for none. It counts for nothing from
    `expires` on, and of one that is used once, from `used_at` on. `due` is when something is to be done about it.
    """

    kind: SlipKind
    key: str
    created_at: datetime
    tenant: str = "default"
    person: str = ""
    subject: str = ""
    body: dict[str, Json] = field(default_factory=dict)
    due: datetime | None = None
    expires: datetime | None = None
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PutSlip(Command[Slip]):
    """Keep a slip and return it. Where one of its kind and key is there and has not expired, that one is returned.

    With `note`, that line goes to the trail in the same transaction, if the slip is new. Raises TooLarge, NotCanonical.
    """

    slip: Slip
    now: datetime
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class KeepMessages(Command[None]):
    """Keep messages about requests, and that people were told of these, in one transaction.

    Of a message that is there already that one is kept. Raises TooLarge, NotCanonical.
    """

    messages: tuple[Slip, ...]
    told: tuple[str, ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class UseSlip(Command[Slip | None]):
    """Mark a slip as used, which can be done once; None if it is unknown, has expired, or was used before.

    With `due`, only if that is still its time: since it was looked at, nobody has taken it (TakeSlips) or moved it.
    """

    kind: SlipKind
    key: str
    now: datetime
    note: Note | None = None
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChangeSlip(Command[Slip | None]):
    """Give a slip that still counts another body, due time or end; None, and nothing is done, if it does not count."""

    kind: SlipKind
    key: str
    now: datetime
    body: dict[str, Json] | None = None
    due: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class TakeSlips(Command[tuple[Slip, ...]]):
    """Take those whose time has come: each is moved on to `until`, so that nobody else takes it before. Oldest first.

    Whoever has done what they are about drops them; if they die, the slips come up again at `until`. Each is returned
    as it was before: with the time that has come.
    """

    kind: SlipKind
    until: datetime
    now: datetime
    limit: int = 100


@dataclass(frozen=True, slots=True)
class DropSlips(Command[int]):
    """Forget slips of a kind: that with this key, all of a person or about a subject; what is given applies together.

    Returns how many of them still counted. The `note` goes to the trail if any did. Given nothing of that, it drops
    nothing.
    """

    kind: SlipKind
    now: datetime
    key: str | None = None
    person: str | None = None
    subject: str | None = None
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class PruneSlips(Command[int]):
    """Delete slips that have expired, at most `limit`; returns how many. Each sweep does (runtime/pruning.py)."""

    now: datetime
    limit: int = 500


@dataclass(frozen=True, slots=True)
class GetSlip(Query[Slip | None]):
    """The slip with this key, if there is one that has not expired; also one that was used."""

    kind: SlipKind
    key: str
    now: datetime


@dataclass(frozen=True, slots=True)
class ListSlips(Query[Page[Slip]]):
    """The slips of a kind that have not expired, newest first; those of one person, tenant or subject."""

    kind: SlipKind
    now: datetime
    person: str | None = None
    tenant: str | None = None
    subject: str | None = None
    limit: int = 100
    cursor: str | None = None

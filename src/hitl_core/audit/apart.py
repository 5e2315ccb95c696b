"""What identifies people, and what they said, stands apart from the trail: a line is sealed with a digest in its place.

    ~PLACE:DIGEST        DIGEST = BLAKE2b (RFC 7693) of the value, keyed with a salt, 128 bits

Each value has a random salt of its own. Without the salt, which is erased with the value, nobody can try what the
digest was of; the seals cover neither, so they fit before and after. Pure.
"""

from __future__ import annotations

import hmac
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from ..protocol import Apart, AuditEvent, Json

SALT_BYTES: Final = 16
_DIGEST_BYTES: Final = 16

TOKEN: Final = re.compile(r"~(\d{1,5}):([0-9a-f]{32})")
"""What stands in a sealed line for a value that is kept apart."""

ERASING: Final = (AuditEvent.RUN_ERASED, AuditEvent.PERSON_ERASED)
"""Lines that record an erasing; under `apart` they say how many values it took."""

_BY_WORKERS: Final = frozenset(
    (
        AuditEvent.RUN_STARTED,
        AuditEvent.RUN_CLAIMED,
        AuditEvent.RUN_RELEASED,
        AuditEvent.RUN_PAUSED,
        AuditEvent.RUN_COMPLETED,
        AuditEvent.RUN_FAILED,
        AuditEvent.RUN_STOPPED,
        AuditEvent.REQUEST_OPENED,
        AuditEvent.ACTION_REFUSED,
        AuditEvent.ACTION_NOTICED,
        AuditEvent.EFFECT_STARTED,
        AuditEvent.EFFECT_EXECUTED,
        AuditEvent.EFFECT_FAILED,
        AuditEvent.EFFECT_IN_DOUBT,
        AuditEvent.GRANT_USED,
        AuditEvent.GUIDANCE_CONSUMED,
    )
)
"""Events whose actor is a worker, unless the line says how somebody was authenticated."""

_NOBODY: Final = frozenset(("", "gate", "policy", "store", "timer"))

_OPEN: Final = frozenset(
    (
        *("act", "apart", "app", "as", "attempt", "authenticated_by", "backend", "base", "batch", "call"),
        *("channel", "code", "decision", "digest", "draft", "dropped", "due", "effects", "expires", "fence"),
        *("frozen", "grant", "inside", "interrupted", "level", "lines", "machine", "mode", "outcome", "output"),
        *("place", "ready", "records", "request", "requests", "result", "retention", "rights", "roles", "rule", "run"),
        *("scope", "state", "step", "superseded", "target", "tenant", "thawed", "tip", "tool", "tries"),
        *("undoes", "until", "version", "vote", "what"),
    )
)
"""What a body says that names nobody and is nobody's words. What is not known here is kept apart."""

_DIGESTS: Final = {
    AuditEvent.ACTION_REPORTED: frozenset(("result",)),
    AuditEvent.GRANT_GIVEN: frozenset(("grant",)),
    AuditEvent.GUIDANCE_QUEUED: frozenset(("digest",)),
}
"""Digests of what a person said, or of a record with their name in it: left in a line, they would tell it to whoever
tries what it may be."""

_OPEN_IN: Final[Mapping[str, frozenset[str]]] = {event: _OPEN - keys for event, keys in _DIGESTS.items()}

_NAMES: Final = frozenset(("acting_for", "agreed", "by", "to", "users"))
"""Where a body names people."""


class Kept(NamedTuple):
    """A value to be kept apart. `of` is whose words it is, "" if nobody's; None for a name.

    `erased` is the line that records that it was erased before it was ever stored.
    """

    salt: bytes | None
    value: str
    of: str | None
    erased: int | None = None


def set_apart(event: str, actor: str, body: Mapping[str, Json]) -> tuple[str, Mapping[str, Json], tuple[Kept, ...]]:
    """A line as it is to be sealed, and what is kept apart from it, by place."""
    named, known = _is_person(event, actor, body), _open(event)
    if not named and body.keys() <= known:
        return actor, body, ()
    kept: list[Kept] = []

    def keep(value: str, of: str | None) -> str:
        salt = os.urandom(SALT_BYTES)
        kept.append(Kept(salt, value, of))
        return f"~{len(kept) - 1}:{_digest(salt, value)}"

    sealed, words = (keep(actor, None), actor) if named else (actor, "")
    told = dict(body)
    for key in [key for key in body if key not in known]:
        value, of = body[key], None if key in _NAMES else words
        told[key] = keep(value, of) if value and isinstance(value, str) else _each(value, partial(keep, of=of))
    return sealed, told, tuple(kept)


def _open(event: str) -> frozenset[str]:
    """What is open in the body of such a line."""
    return _OPEN_IN.get(event, _OPEN)


def _is_person(event: str, actor: str, body: Mapping[str, Json]) -> bool:
    if actor in _NOBODY:
        return False
    return event not in _BY_WORKERS or "authenticated_by" in body


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """A value with each text in it changed, but not those that say nothing."""
    if isinstance(value, str):
        return change(value) if value else value
    if isinstance(value, Mapping):
        return {key: _each(each, change) for key, each in value.items()}
    return [_each(each, change) for each in value] if isinstance(value, list | tuple) else value


def _digest(salt: bytes, value: str) -> str:
    return blake2b(value.encode(), key=salt, digest_size=_DIGEST_BYTES).hexdigest()


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────


def brought_together(event: str, actor: str, body: str, apart: Sequence[Apart]) -> tuple[str, str]:
    """Actor and body with what is kept apart from them. What is not what was sealed stays a digest."""
    known = {each.place: each for each in apart}

    def change(text: str) -> str:
        found = TOKEN.fullmatch(text)
        kept = None if found is None else known.get(int(found[1]))
        return text if found is None or kept is None or not _is_right(kept, found[2]) else kept.value

    shown, told, known_open = change(actor), _body(body), _open(event)
    if told is None or not any(TOKEN.fullmatch(text) for text in _apart_in(event, told)):
        return shown, body
    changed = {key: value if key in known_open else _each(value, change) for key, value in told.items()}
    return shown, json.dumps(changed, ensure_ascii=False, separators=(",", ":"))


def _is_right(kept: Apart, digest: str) -> bool:
    """Whether a value is the one that was sealed; of an erased one that cannot be known."""
    if kept.erased is not None:
        return True
    try:
        return hmac.compare_digest(_digest(bytes.fromhex(kept.salt), kept.value), digest)
    except ValueError:
        return False


def is_kept_apart(actor: str, body: str) -> bool:
    """Whether there may be anything to bring together."""
    return actor.startswith("~") or '"~' in body


def wrong(event: str, actor: str, body: str, apart: Sequence[Apart]) -> Iterator[str]:
    """What is wrong with what is kept apart from a line, whose seal fits."""
    known = {each.place: each for each in apart}
    for found in filter(None, map(TOKEN.fullmatch, (actor, *_apart_in(event, _body(body) or {})))):
        kept = known.get(int(found[1]))
        if kept is None:
            yield f"value {found[1]} is missing beside it, and was not erased"
        elif not _is_right(kept, found[2]):
            yield f"value {found[1]} beside it is not the one that was sealed"


def inside(event: str, actor: str, body: str) -> Iterator[str]:
    """The names and texts that stand in a line itself, as older releases sealed them."""
    told = _body(body) or {}
    texts = (*((actor,) if _is_person(event, actor, told) else ()), *_apart_in(event, told))
    yield from (text for text in texts if TOKEN.fullmatch(text) is None)


def _apart_in(event: str, told: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a body at places where what stands there is kept apart."""
    found: list[str] = []

    def remember(text: str) -> str:
        found.append(text)
        return text

    for key, value in told.items():
        if key not in _open(event):
            _each(value, remember)
    yield from found


def _body(body: str) -> dict[str, Any] | None:
    """The body of a line; None if somebody has made it something else."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None

"""Bodies: JSON bytes that are written once (a checkpoint: replaced), each with a digest that is checked on reading.

SQLite's own check sees 4 % of flipped bits in data; with the digest it is all of those inside a body.
"""

from __future__ import annotations

import json
import zlib
from hashlib import blake2b
from typing import Final, NamedTuple, cast

from ....errors import Fault, NotCanonical, RowCorrupt, TooLarge
from ....protocol import Json
from .identity import text
from .view import View

REQUEST_LIMIT: Final = 256 * 1024
RESULT_LIMIT: Final = 1024 * 1024
CHECKPOINT_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of JSON, before compression."""

PACK_ABOVE: Final = 1024
_LEVEL: Final = 1
"""Measured on conversations: half the time of level 3, for 2 % more bytes."""
_SMALL: Final = 4096
_SMALL_WINDOW: Final = 12
_SMALL_MEMORY: Final = 5
_PACKED: Final = (0x78, 0x48)
"""First bytes of zlib streams, of the usual window (RFC 1950) and of the small one; no JSON text begins with them."""


class Body(NamedTuple):
    """Bytes ready to be stored, and their digest."""

    digest: bytes
    data: bytes


def pack(value: Json, *, what: str, limit: int) -> Body:
    """A JSON value as a body. Raises NotCanonical for what is not JSON, TooLarge over `limit` bytes."""
    return pack_text(json_text(value, what=what), what=what, limit=limit)


def json_text(value: object, *, what: str) -> str:
    """A JSON value as compact text. Raises NotCanonical for what is not JSON."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as exc:
        raise NotCanonical([Fault(what, f"is not JSON: {exc}")]) from exc


def pack_text(text: str, *, what: str, limit: int) -> Body:
    """JSON text as a body. Raises NotCanonical for a lone surrogate, TooLarge over `limit` bytes."""
    try:
        data = text.encode()
    except UnicodeEncodeError as exc:
        raise NotCanonical([Fault(what, "has a lone surrogate, which no UTF-8 reader accepts")]) from exc
    if len(data) > limit:
        raise TooLarge(f"{what} has {len(data):,} bytes as JSON; the limit is {limit:,}. Pass a reference instead.")
    if len(data) > PACK_ABOVE:
        data = _packed(data)
    return Body(digest_of(data), data)


def _packed(data: bytes) -> bytes:
    """A zlib stream. A small body gets a small window: making the usual one costs more than packing what is in it."""
    if len(data) > _SMALL:
        return zlib.compress(data, _LEVEL)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _SMALL_WINDOW, _SMALL_MEMORY)
    return packer.compress(data) + packer.flush()


def put(view: View, body: Body, *, in_order: bool = False) -> int:
    """Store a new body; returns its key. `in_order`: bodies are looked for in the order in which they came."""
    keep = view.link.insert if in_order else view.link.store
    return keep("INSERT INTO hitl_bodies (digest, data) VALUES (?, ?)", body)


def put_value(view: View, body: Body | None) -> int | None:
    return None if body is None else put(view, body)


def replace(view: View, key: int | None, body: Body) -> int:
    """Store a body in the place of an older one, if there is one; returns its key."""
    if key is None:
        return put(view, body)
    view.execute("UPDATE hitl_bodies SET digest = ?, data = ? WHERE key = ?", (*body, key))
    return key


_GET: Final = "SELECT digest, data FROM hitl_bodies WHERE key = ?"


def ahead(view: View, *keys: int | None) -> None:
    """These will be asked for soon."""
    for key in keys:
        if key is not None:
            view.link.ahead(_GET, (key,))


def get(view: View, key: int | None, *, what: str) -> Json:
    """A stored value; None where there is none. Raises RowCorrupt."""
    if key is None:
        return None
    found = view.execute(_GET, (key,)).fetchone()
    if found is None:
        raise RowCorrupt(f"the {what} is missing from the store; restore a backup")
    return decode(*found, what=what)


def decode(digest: bytes, data: bytes, *, what: str) -> Json:
    """The value behind stored bytes. Raises RowCorrupt."""
    return cast("Json", json.loads(unpack(checked(digest, data, what=what))))


def checked(digest: bytes | None, data: bytes | None, *, what: str, of: bytes | str = "") -> bytes:
    """The stored bytes, if they are still those that were stored. Raises RowCorrupt, saying `what` `of` which id."""
    if not isinstance(data, bytes) or digest_of(data) != digest:
        named = f"{what} {text(of)}".strip()
        raise RowCorrupt(f"the {named} no longer matches its digest; it is not used. Restore it from a backup")
    return data


def unpack(data: bytes) -> bytes:
    """Stored bytes as JSON text. Give it only bytes that were checked."""
    return zlib.decompress(data) if data[0] in _PACKED else data


def digest_of(data: bytes) -> bytes:
    """BLAKE2b with 16 bytes: against decay, not against an attacker, at half the price of SHA-256."""
    return blake2b(data, digest_size=16).digest()

"""The chain: each line's seal is an HMAC over the line as stored and the seal before it. Pure.

    seal(n) = HMAC-SHA256(key of the trail, version | n | time µs | event | subject | actor | body | seal(n-1))

Only integers and bytes are hashed, exactly as they are stored: a value that is rendered again (a time as a float, JSON
with other spaces) would not verify. Each text goes in with its length, so that nothing can move from one into the next.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import Final

FORMAT: Final = 1
MAC_BYTES: Final = 32
_HEAD: Final = struct.Struct(">BqqIIII")


class Chain:
    """The chain of one trail. The key is derived from the secret and the trail's origin: no two trails share one."""

    genesis: Final = bytes(MAC_BYTES)
    """What stands for the seal before the first line."""

    def __init__(self, secret: bytes, origin: str, *, purpose: str = "chain") -> None:
        # HMAC (RFC 2104) with both hashes fed with the key beforehand: half the price of a fresh one for each line.
        key = derive(secret, purpose, origin).ljust(hashlib.sha256().block_size, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))

    def seal(self, before: bytes, seq: int, at: int, event: str, subject: str, actor: str, body: str) -> bytes:
        """The seal of line `seq` (from 1) after one sealed `before`. `at` is in microseconds since 1970, UTC."""
        texts = (event.encode(), subject.encode(), actor.encode(), body.encode())
        head = _HEAD.pack(FORMAT, seq, at, *map(len, texts))
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(b"".join((head, *texts, before)))
        outer.update(inner.digest())
        return outer.digest()


def derive(secret: bytes, purpose: str, origin: str = "") -> bytes:
    """A key of its own for each purpose, so that a seal of one kind is never valid as another."""
    return hmac.digest(secret, f"hitl-audit {FORMAT} {purpose} {origin}".encode(), "sha256")

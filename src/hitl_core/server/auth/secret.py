"""Secrets: shown once to whom they belong; what is kept of one is what it is `hashed` to (commands/slips.py)."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

BYTES: Final = 32
LONGEST: Final = 256
"""Characters of what is looked at as a secret at all."""


def new_secret() -> str:
    """256 bits from the operating system, as text that can stand in an URL."""
    return secrets.token_urlsafe(BYTES)


def derived(secret: str, what: str) -> str:
    """Another secret for another purpose, that says nothing about this one (HMAC-SHA-256, RFC 2104)."""
    return hmac.new(secret.encode(errors="replace"), what.encode(), "sha256").hexdigest()


def is_same(given: str, known: str) -> bool:
    """Whether two texts are one; how long it takes does not tell where they differ. An empty one is none."""
    return bool(known) and hmac.compare_digest(given.encode(errors="replace"), known.encode(errors="replace"))

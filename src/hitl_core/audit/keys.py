"""The secret of the audit trail: 32 bytes that must not lie in the database they protect."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from ..errors import ConfigError, Fault

KEY_BYTES: Final = 32
ENVIRONMENT: Final = "HITL_AUDIT_KEY"


def load_or_create(path: Path, *, lines: int = 0) -> bytes:
    """The secret from the environment (HITL_AUDIT_KEY, 64 hex digits), else from `path`, made there if missing.

    Only a trail without `lines` gets a new one: sealed with another secret, a trail reads as if it were forged.
    Raises ConfigError, without showing any of it, for one that cannot be used.
    """
    given = os.environ.get(ENVIRONMENT)
    if given is not None:
        return _parse(given, ENVIRONMENT)
    if lines and not path.exists():
        raise ConfigError([Fault("store.audit_key", _missing(path, lines))])
    return _made(path, new_secret())


def hand_on(path: Path, secret: bytes) -> None:
    """Keep a secret in a second file as well, unless it comes from the environment. Raises ConfigError."""
    if os.environ.get(ENVIRONMENT) is None and _made(path, secret) != secret:
        raise ConfigError([Fault("store.audit_key", f"{str(path)!r} holds another key; move that file away")])


def _made(path: Path, secret: bytes) -> bytes:
    try:
        return _create(path, secret)
    except FileExistsError:
        return load(path)
    except OSError as exc:
        raise ConfigError([Fault("store.audit_key", f"{str(path)!r} cannot be made: {exc.strerror}")]) from exc


def load(path: Path) -> bytes:
    """The secret in a file. Raises ConfigError."""
    try:
        return _parse(path.read_text(encoding="ascii"), str(path))
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError([Fault("store.audit_key", f"{str(path)!r} cannot be read: {exc}")]) from exc


def new_secret() -> bytes:
    """A fresh secret; for a trail in memory it is all there is."""
    return secrets.token_bytes(KEY_BYTES)


def _missing(path: Path, lines: int) -> str:
    return (
        f"{str(path)!r} is missing, and the audit trail has {lines:,} lines that were sealed with it. Restore that "
        f"file, or give its content in {ENVIRONMENT}; to begin a new trail, move the database away"
    )


def _create(path: Path, secret: bytes) -> bytes:
    """Make the file whole or not at all: two processes that start together must agree on one secret."""
    if path.exists():
        raise FileExistsError(path)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(secret.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink()
    sync_folder(path)
    return secret


def sync_folder(path: Path) -> None:
    """See to it that a power failure does not take the name of a new file away."""
    fd = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _parse(text: str, where: str) -> bytes:
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise ConfigError([Fault("store.audit_key", f"{where} does not hold {KEY_BYTES} bytes as hex digits")])
    return secret

"""The policy in force: read again when its file has changed. What cannot be read holds everything back."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ..commands import Note
from ..errors import PolicyInvalid
from ..policy import Held, Policy
from ..protocol import AuditEvent, Json
from ..runtime.leases import owner_name

log = logging.getLogger("hitl_core")

EVERY: Final = timedelta(seconds=1)
"""How long a decision may go by a policy whose file has changed."""

MOST_CHANGES: Final = 100
"""Changes that wait for a store that cannot be written; of more, the oldest are forgotten."""

LONGEST_ERROR: Final = 2_000

_Signature = tuple[tuple[int, int, int] | None, ...]


class PolicyInForce:
    """Called for each decision. Open requests keep the version that asked; only a stricter one intervenes.

    `changes` is what became of a changed file, for the trail: each process says for itself what it goes by.
    """

    def __init__(self, policy: Policy, file: Path | None, now: Callable[[], datetime]) -> None:
        self._policy = self._sound = policy
        self._file = file
        self._now = now
        self._files = policy.files
        # The file may have changed since it was read, so the first look reads it once more.
        self._signature: _Signature | None = None
        self._looked = now()
        self._process = owner_name()
        self.changes = deque[Note](maxlen=MOST_CHANGES)

    def __call__(self) -> Policy:
        if self._file is not None and not timedelta() <= self._now() - self._looked < EVERY:
            self._look(self._file)
        return self._policy

    def _look(self, file: Path) -> None:
        self._looked = self._now()
        found = _signature(self._files)
        if found == self._signature:
            return
        # As it was before the reading: what is written meanwhile is seen at the next look.
        self._signature = found
        try:
            self._take(file, _changed(Policy.from_file(file), self._sound))
        except Exception as exc:  # whatever it is, also what nobody has thought of: the new rules are not known
            said = str(exc) if isinstance(exc, PolicyInvalid) else f"an internal {type(exc).__name__}"
            log.error("the policy %s was changed and is refused, so nothing runs unasked: %s", file, exc)
            self._note(AuditEvent.POLICY_REFUSED, file, error=said[:LONGEST_ERROR], kept=self._sound.version)
            self._policy = Held(self._sound, "The policy was changed and its file is refused.")

    def _take(self, file: Path, policy: Policy) -> None:
        if policy.files != self._files:  # what these were before they were read is not known: read them once more
            self._files, self._signature = policy.files, None
        if self._policy is self._sound and _says(policy) == _says(self._sound):
            return
        log.info("the policy is version %r now, it was %r", policy.version, self._sound.version)
        versions: dict[str, Json] = {"from": self._sound.version, "to": policy.version, "digest": policy.digest}
        self._note(AuditEvent.POLICY_CHANGED, file, **versions)
        self._policy = self._sound = policy

    def _note(self, event: AuditEvent, file: Path, **body: Json) -> None:
        self.changes.append(Note(event, file.name, self._process, body))


def _changed(new: Policy, old: Policy) -> Policy:
    """Raises PolicyInvalid for other rules under the same version: nobody could tell later which ones decided."""
    if new.version == old.version and new.digest != old.digest:
        raise PolicyInvalid(f"its rules have changed and its version is still {new.version!r}; give it a new one")
    return new


def _says(policy: Policy) -> tuple[str, str]:
    return policy.version, policy.digest


def _signature(files: tuple[Path, ...]) -> _Signature:
    return tuple(map(_state, files))


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

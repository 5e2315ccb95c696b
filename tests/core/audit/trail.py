"""A trail to tamper with: lines sealed rightly, as an attacker with write access to the database finds them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from hitl_core.audit import Anchor, Chain, Custody, Report, verify_entries
from hitl_core.protocol import AuditEntry, micros
from hitl_core.testing.clock import START

SECRET = bytes(range(32))


class Trail:
    """`entries` can be changed at will; `anchored` writes a signed anchor of how they are now."""

    def __init__(self, folder: Path, size: int = 20, *, origin: str = "hitl-desk", secret: bytes = SECRET) -> None:
        self.custody = Custody(secret, origin, folder / f"{origin}.anchors")
        self.entries: list[AuditEntry] = []
        for number in range(1, size + 1):
            self.add(f"line {number}")

    def add(self, text: str, **fields: Any) -> None:
        """Append a line, sealed with the secret."""
        self.entries.append(self.sealed(len(self.entries) + 1, text, self.tip, **fields))

    def sealed(self, seq: int, text: str, before: bytes, **fields: Any) -> AuditEntry:
        entry = AuditEntry(
            seq=seq,
            at=START + timedelta(seconds=seq),
            event="request.decided",
            subject=f"request-{seq}",
            actor="ann",
            body=f'{{"text":"{text}"}}',
            mac="00",
        ).model_copy(update=fields)
        return entry.model_copy(update={"mac": self.seal(entry, before).hex()})

    def seal(self, entry: AuditEntry, before: bytes) -> bytes:
        chain = Chain(self.custody.secret, self.custody.origin)
        line = (entry.seq, micros(entry.at), entry.event, entry.subject, entry.actor, entry.body)
        return chain.seal(before, *line)

    @property
    def tip(self) -> bytes:
        return bytes.fromhex(self.entries[-1].mac) if self.entries else Chain.genesis

    def anchored(self, *, size: int | None = None, secret: bytes | None = None) -> Trail:
        kept = self.entries if size is None else self.entries[:size]
        anchor = Anchor(self.custody.origin, len(kept), bytes.fromhex(kept[-1].mac), micros(kept[-1].at))
        assert self.custody.anchors is not None
        with self.custody.anchors.open("a", encoding="utf-8") as file:
            file.write(anchor.line(secret or self.custody.secret) + "\n")
        return self

    def edit(self, seq: int, **fields: Any) -> None:
        self.entries[seq - 1] = self.entries[seq - 1].model_copy(update=fields)

    def renumber(self) -> None:
        self.entries = [each.model_copy(update={"seq": n}) for n, each in enumerate(self.entries, 1)]

    def report(self) -> Report:
        return verify_entries(self.entries, self.custody)

    def found(self) -> list[tuple[str, int, int]]:
        """What a verification finds: (fault, first line, last line)."""
        return [(each.fault.value, each.first, each.last) for each in self.report().findings]

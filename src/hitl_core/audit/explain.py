"""Why do these lines not verify? Seals are tried with other numbers and in other orders until one fits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from ..protocol import AuditEntry, micros
from .chain import Chain
from .report import Fault, Finding, lines

FAR: Final = 64
"""How many lines taken out or put in are recognised as such after the rest was counted anew."""

TRIES: Final = 4
"""At how many lines of a stretch that is looked for."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was hashed. `mac` is empty where what is stored is no seal."""

    seq: int
    at: int
    event: str
    subject: str
    actor: str
    body: str
    mac: bytes

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        said = entry.sealed or entry
        return cls(entry.seq, micros(entry.at), entry.event, entry.subject, said.actor, said.body, _bytes(entry.mac))

    def sealed(self, chain: Chain, seq: int, before: bytes) -> bytes:
        """The seal that this content would have as line `seq`."""
        return chain.seal(before, seq, self.at, self.event, self.subject, self.actor, self.body)

    def fits(self, chain: Chain, seq: int, before: bytes) -> bool:
        return self.sealed(chain, seq, before) == self.mac


@dataclass(slots=True)
class Stretch:
    """Lines in a row that do not verify, from `first` on; `before` is the seal before them, `shift` as in Verifier."""

    first: int
    before: bytes
    shift: int
    count: int = 0
    kept: list[Line] = field(default_factory=list)
    at_the_end: bool = False
    shift_after: int = 0

    @property
    def last(self) -> int:
        return self.first + max(self.count, 1) - 1

    @property
    def moved(self) -> int:
        """By how much the numbers after these lines differ: above 0 lines were taken out, below 0 put in."""
        return self.shift_after - self.shift

    @property
    def number(self) -> int:
        """The number that the first of these places had when it was sealed."""
        return self.first + self.shift

    def add(self, line: Line, *, keep: bool) -> None:
        self.count += 1
        if keep:
            self.kept.append(line)

    def renumbering(self, chain: Chain, line: Line, before: bytes) -> int | None:
        """By how much the lines from here on are misnumbered, if that is why `line` does not fit."""
        if self.count > TRIES:
            return None
        for by in range(1, FAR + 1):
            if line.fits(chain, line.seq + self.shift + by, before):
                return by
        # `count` lines were put in: this one was sealed after what came before them.
        number = line.seq + self.shift - self.count
        return -self.count if self.count and line.fits(chain, number, self.before) else None


def explain(chain: Chain, stretches: list[Stretch]) -> list[Finding]:
    """One finding for each stretch, or for two: where lines were taken from and where they were put."""
    pool = [line for stretch in stretches for line in stretch.kept]
    found, left = [], list(stretches)
    for put in [each for each in stretches if each.moved < 0]:
        taken = next((each for each in left if _belongs(chain, put, each)), None)
        if taken is not None:
            left = [each for each in left if each not in (put, taken)]
            first, last = min(put.first, taken.first), max(put.last, taken.last)
            message = f"{lines(first, last)} changed places: {lines(put.first, put.last)} belongs at {taken.number}"
            found.append(Finding(Fault.REORDERED, first, last, message))
    return found + [_explained(chain, stretch, pool) for stretch in left]


def _belongs(chain: Chain, put: Stretch, taken: Stretch) -> bool:
    """Whether the lines that were put in are those that were taken out elsewhere."""
    before, number = taken.before, taken.number
    for line in put.kept:
        if taken.moved != -put.moved or not line.fits(chain, number, before):
            return False
        before, number = line.mac, number + 1
    return True


def _explained(chain: Chain, stretch: Stretch, pool: list[Line]) -> Finding:
    first, last = stretch.first, stretch.last
    moved = stretch.moved
    if moved > 0:
        message = f"{moved} missing before line {first}; the lines after them were numbered anew"
        return Finding(Fault.MISSING, first, first + moved - 1, message)
    if moved < 0:
        message = f"{lines(first, last)} inserted; the lines after were numbered anew"
        return Finding(Fault.INSERTED, first, last, message)
    if _is_permuted(chain, stretch, pool):
        return Finding(Fault.REORDERED, first, last, f"{lines(first, last)} changed places with others")
    if stretch.count <= 1 and not stretch.at_the_end:
        return Finding(Fault.EDITED, first, first, f"line {first} edited")
    if stretch.count <= 1:
        return Finding(Fault.EDITED, first, first, f"line {first}, the last one, edited or added")
    return Finding(Fault.REWRITTEN, first, last, f"{lines(first, last)} rewritten")


def _is_permuted(chain: Chain, stretch: Stretch, pool: list[Line]) -> bool:
    """Whether the right lines for these places are all there, somewhere among those that do not fit."""
    if not stretch.kept or stretch.count != len(stretch.kept):
        return False
    before = stretch.before
    for place in range(stretch.first, stretch.last + 1):
        right = next((line for line in pool if line.fits(chain, place + stretch.shift, before)), None)
        if right is None:
            return False
        before = right.mac
    return True


def _bytes(mac: str) -> bytes:
    try:
        return bytes.fromhex(mac)
    except ValueError:
        return b""

"""Verification: read the trail again, line by line, and hold it against its anchors. Streaming, and else pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from ..commands import ReadAudit
from ..contracts import Store, pages
from ..protocol import AuditEntry
from .anchor import Anchor, remembered_anchor, remembered_size
from .anchor import read as read_anchors
from .beside import Beside
from .chain import Chain
from .custody import Custody
from .explain import Line, Stretch, explain
from .report import Fault, Finding, Report, lines

MOST_SUSPECTS = 512
"""Lines that do not verify and are kept to find out why. Beyond, they are only counted."""


async def verify(store: Store, custody: Custody) -> Report:
    """Verify the trail of a store. Raises StoreError if it cannot be read."""
    verifier = Verifier(custody)
    async for page in pages(store, ReadAudit()):
        verifier.feed(page.items)
    return verifier.report()


def verify_entries(entries: Iterable[AuditEntry], custody: Custody) -> Report:
    """Verify a trail that was exported."""
    verifier = Verifier(custody)
    verifier.feed(entries)
    return verifier.report()


class Verifier:
    """Takes the lines of one trail in order, then reports."""

    def __init__(self, custody: Custody) -> None:
        self._custody = custody
        self._chain = Chain(custody.secret, custody.origin)
        self._anchors = Anchored(custody)
        self._beside = Beside()
        self._before = self._chain.genesis
        self._next = 1
        self._shift = 0
        self._read = 0
        self._sound = 0
        self._suspects = 0
        self._stretch: Stretch | None = None
        self._stretches: list[Stretch] = []
        self._findings: list[Finding] = []
        self._waiting: list[datetime] = []

    def feed(self, entries: Iterable[AuditEntry]) -> None:
        for entry in entries:
            if entry.unsealed:
                self._waiting.append(entry.at)
                continue
            sound = self._sound
            self._take(Line.of(entry))
            if self._sound > sound and not self._shift:
                self._beside.compare(entry)

    def report(self) -> Report:
        """What was found. Call it once, after the last line."""
        self._end_stretch(last=True)
        found = [*self._findings, *explain(self._chain, self._stretches)]
        found += self._anchors.findings(self._next - 1, found)
        found += self._beside.findings(complete=not found)
        if self._read and not self._sound and not self._anchors.valid:
            found = [Finding(Fault.WRONG_KEY, 1, self._read, _WRONG_KEY)]
        found.sort(key=lambda finding: finding.first)
        return Report(
            self._custody.origin,
            self._read,
            self._anchors.valid,
            self._anchors.reached,
            tuple(found),
            unsealed=len(self._waiting),
            waiting_since=min(self._waiting, default=None),
        )

    # ── one line ─────────────────────────────────────────────────────────────────────────────────────────────

    def _take(self, line: Line) -> None:
        self._read += 1
        if line.seq != self._next:
            self._jump(line)
        elif line.fits(self._chain, line.seq + self._shift, self._before):
            self._fits()
        else:
            self._suspect(line)
        self._anchors.compare(line.seq, line.mac)
        self._before, self._next = line.mac, line.seq + 1

    def _fits(self) -> None:
        self._sound += 1
        self._end_stretch()

    def _jump(self, line: Line) -> None:
        """A gap in the numbers, or numbers that go back: the seal before this line is not known."""
        self._end_stretch()
        if line.seq > self._next:
            first, last = self._next, line.seq - 1
            message = f"{lines(first, last)} missing; line {line.seq} cannot be checked without them"
            self._findings.append(Finding(Fault.MISSING, first, last, message))
        else:
            message = f"line {line.seq} comes after line {self._next - 1}"
            self._findings.append(Finding(Fault.REORDERED, line.seq, self._next - 1, message))

    def _suspect(self, line: Line) -> None:
        if self._stretch is None:
            self._stretch = Stretch(line.seq, self._before, self._shift)
        stretch = self._stretch
        if self._seal_was_edited(stretch, line) or self._renumbered(stretch, line):
            self._sound += 1
            self._end_stretch()
            return
        stretch.add(line, keep=self._suspects < MOST_SUSPECTS)
        self._suspects += 1

    def _seal_was_edited(self, stretch: Stretch, line: Line) -> bool:
        """Whether the line fits after what the one before it should have been sealed with."""
        if len(stretch.kept) != 1:
            return False
        suspect = stretch.kept[0]
        rightly = suspect.sealed(self._chain, suspect.seq + self._shift, stretch.before)
        return line.fits(self._chain, line.seq + self._shift, rightly)

    def _renumbered(self, stretch: Stretch, line: Line) -> bool:
        """Whether the line fits under another number: lines were taken out or put in, and the rest counted anew."""
        shift = stretch.renumbering(self._chain, line, self._before)
        if shift is None:
            return False
        self._shift += shift
        return True

    def _end_stretch(self, *, last: bool = False) -> None:
        if self._stretch is not None:
            self._stretch.at_the_end = last
            self._stretch.shift_after = self._shift
            self._stretches.append(self._stretch)
            self._stretch = None


_WRONG_KEY = "no line and no anchor fits this key: it is another one, or all was rewritten without it"


class Anchored:
    """The anchors of a trail, compared with its lines as they come."""

    def __init__(self, custody: Custody) -> None:
        self._custody = custody
        self._of_others: dict[str, Finding] = {}
        self._anchors = {anchor.size: (anchor,) for anchor in self._accepted()}
        self.valid = len(self._anchors)
        self._in_file = max(self._anchors, default=0)
        self._remember()
        self.reached = 0
        self._differs: Anchor | None = None

    def _remember(self) -> None:
        """The anchor that the store keeps counts like those of the file, and shows whether that was cut."""
        kept = remembered_anchor(self._custody)
        if kept is not None:
            self._anchors[kept.size] = (*self._anchors.get(kept.size, ()), kept)
        elif self._custody.remembered:
            forged = "the anchor that the store keeps is not signed with this key, or not of this trail"
            self._of_others[forged] = Finding(Fault.FORGED_ANCHOR, 1, 1, forged)

    def compare(self, seq: int, mac: bytes) -> None:
        for anchor in self._anchors.get(seq, ()):
            if anchor.mac == mac:
                self.reached = seq
            elif self._differs is None:
                self._differs = anchor

    def findings(self, size: int, known: list[Finding]) -> list[Finding]:
        """What the anchors say about a trail of `size` lines, beyond what is known more exactly."""
        newest = max(self._anchors, default=0)
        found = list(self._of_others.values())
        if newest > size:
            message = f"truncated after line {size}: line {newest} was anchored"
            found.append(Finding(Fault.TRUNCATED, size + 1, newest, message))
        found += self._rewritten(self._differs, known) if self._differs else []
        kept = remembered_size(self._custody)
        if kept > self._in_file:
            file = str(self._custody.anchors)
            message = f"line {kept} was anchored, but {file!r} ends with line {self._in_file}: it was cut or replaced"
            found.append(Finding(Fault.ANCHORS_CUT, self._in_file + 1, kept, message))
        if size and not self._anchors and not found and self._custody.anchors is not None:
            message = f"no anchor in {str(self._custody.anchors)!r}: a cut or rewritten trail would not be seen"
            found.append(Finding(Fault.NO_ANCHORS, 1, size, message))
        return found

    def _rewritten(self, differs: Anchor, known: list[Finding]) -> list[Finding]:
        """The lines since the anchor before the first one that differs, unless the chain has told where in them."""
        last = differs.size
        first = 1 + max((size for size in self._anchors if size < last), default=0)
        if any(first <= each.last and each.first <= last for each in known):
            return []
        return [Finding(Fault.REWRITTEN, first, last, f"{lines(first, last)} are not those that were anchored")]

    def _accepted(self) -> Iterator[Anchor]:
        """Signed anchors of this trail. A torn line is what a crash leaves, and says nothing."""
        path, secret = self._custody.anchors, self._custody.secret
        for read in () if path is None else read_anchors(path):
            anchor = read.anchor
            if anchor is None:
                continue
            if not anchor.is_signed(read.signature, secret):
                self._reject(Fault.FORGED_ANCHOR, read.number, "not signed with this key")
            elif anchor.origin != self._custody.origin:
                self._reject(Fault.SWAPPED, read.number, f"of {anchor.origin}, but this is {self._custody.origin}")
            else:
                yield anchor

    def _reject(self, fault: Fault, number: int, why: str) -> None:
        """One finding for all anchors with the same fault."""
        earlier = self._of_others.get(why)
        first = earlier.first if earlier else number
        message = f"anchor {first} is {why}" if first == number else f"anchors {first} to {number} are {why}"
        self._of_others[why] = Finding(fault, first, number, message)

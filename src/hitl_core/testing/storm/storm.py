"""A storm: processes on one store that are killed, frozen and replaced, a server that is stopped; then a calm.

gusts ─► crew (workers · starters · people · an operator) ─► calm: what was begun ends ─► evidence ─► faults
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ...commands import ListRuns
from ...errors import StoreUnavailable
from ..conformance import Kit
from ..conformance.installed import capabilities_of
from ..crew import Crew
from ..databases import own_store
from ..kills.run import script_for
from ..processes import Ended, Order, name_of
from ..scripted_model import ScriptedModel
from .acts import ACTS, AT_WORK, get_warm
from .check import Evidence, faults, summed
from .ground import CALM, Ground
from .keep import kept, reading
from .scenes import PLAYS
from .weather import ROLES, Gust, weather

PATIENCE: Final = 300.0
"""Seconds of calm after which what has not ended will not end."""

CREW: Final = {"worker": 4, "starter": 1, "person": 2, "operator": 1}


@dataclass(frozen=True)
class Stormed:
    """What came of a storm."""

    backend: str
    seed: int
    seconds: float
    gusts: Counter[str]
    evidence: Evidence
    faults: tuple[str, ...]

    def __str__(self) -> str:
        blown = ", ".join(f"{count} {what}" for what, count in sorted(self.gusts.items()))
        lines = [f"{self.backend}, seed {self.seed}, {self.seconds:.0f} s: {blown}"]
        lines += [f"  {what}: {count}" for what, count in summed(self.evidence).items()]
        return "\n".join([*lines, f"{len(self.faults)} faults" if self.faults else "no faults", *self.faults])


@dataclass
class _Member:
    """One place in the crew, and who has it now."""

    role: str
    number: int
    now: int = 0
    lives: int = 0
    thaws: float | None = None

    @property
    def name(self) -> str:
        return f"{self.role}-{self.number}-{self.lives}"


@dataclass
class Storm:
    """`database` is where its store is; `restart` stops its server as a crash does and starts it again. On a machine
    that is busy it lasts longer than `seconds`: until `runs` have been started.

    `every`: seconds between gusts on the average; `whom`: how often each role is hit, against the others. `parts` names
    other `Parts` than the true ones; `warm` another function that warms the processes, called with the kit's name and
    `arguments`: so it proves that it would notice. `patience` are seconds after which nothing is waited for any more,
    in the `calm` for runs that do not end.
    """

    kit: Kit
    folder: Path
    database: str
    seconds: float
    seed: int
    every: float = 1.5
    runs: int = 5
    whom: Mapping[str, int] = field(default_factory=lambda: ROLES)
    restart: Callable[[], None] | None = None
    parts: str = ""
    warm: str = name_of(get_warm)
    arguments: dict[str, str] = field(default_factory=dict)
    patience: float = PATIENCE
    calm: float = PATIENCE
    quiet: bool = True

    def blow(self) -> Stormed:
        """All of it."""
        capabilities = capabilities_of(self.kit.backend)
        self._gusts: Counter[str] = Counter()
        self._failures: list[str] = []
        with ExitStack() as stack:
            url = stack.enter_context(own_store(self.database, self.folder))
            models = {
                play.name: stack.enter_context(ScriptedModel(script_for(play.scene))).base_url
                for play in PLAYS.values()
                if not play.lacks(capabilities)
            }
            kit = name_of(type(self.kit))
            self._ground = Ground(kit, str(self.folder), url, models, self.seed, self.parts)
            asyncio.run(reading(self._ground, _nothing))  # the tables are made before anybody races for them
            self._crew = stack.enter_context(Crew(self.warm, quiet=self.quiet, kit=kit, **self.arguments))
            self._members = [_Member(role, number) for role, count in CREW.items() for number in range(count)]
            self._blows()
            self._calms()
            evidence = asyncio.run(kept(self._ground))
        found = (*self._failures, *faults(evidence))
        return Stormed(self.kit.backend, self.seed, self.seconds, self._gusts, evidence, found)

    # ── the storm ────────────────────────────────────────────────────────────────────────────────────────────

    def _blows(self) -> None:
        for member in self._members:
            self._begins(member)
        begun = time.monotonic()
        how: dict[str, Any] = {"every": self.every, "server": self.restart is not None, "whom": self.whom}
        for gust in weather(self.seed, seconds=self.seconds + self.patience, **how):
            if gust.at > self.seconds and len(self._ground.history.told("started")) >= self.runs:
                self._goes_on_until(begun + self.seconds)
                return
            self._goes_on_until(begun + gust.at)
            self._hits(gust)
        self._failures.append(f"fewer than {self.runs} runs were started in all that time")

    def _begins(self, member: _Member) -> None:
        member.lives += 1
        order = Order.of(ACTS[member.role], ground=self._ground.to_json(), name=member.name)
        member.now = self._crew.begin(order)

    def _goes_on_until(self, moment: float) -> None:
        """Replace who ends, and thaw who was frozen long enough."""
        while (left := moment - time.monotonic()) > 0:
            thaws = [each.thaws - time.monotonic() for each in self._members if each.thaws is not None]
            for number, ended in self._crew.ended(timeout=max(0.0, min([left, *thaws]))).items():
                self._has_ended(number, ended)
            for member in self._members:
                if member.thaws is not None and member.thaws <= time.monotonic():
                    self._thaws(member)

    def _has_ended(self, number: int, ended: Ended) -> None:
        member = next(each for each in self._members if each.now == number)
        member.thaws = None
        if not ended.killed:
            error = ended.error or (f"signal {ended.signal}" if ended.signal else "it was not told to")
            self._failures.append(f"a {member.role} has ended by itself: {error}")
        self._begins(member)

    def _hits(self, gust: Gust) -> None:
        if gust.kind == "server":
            assert self.restart is not None
            self._ground.history.says("server stops")
            self.restart()
            self._ground.history.says("server is back")
            self._gusts["restarts of the server"] += 1
            return
        those = [each for each in self._members if each.role == gust.role]
        member = those[int(gust.share * len(those))]
        if gust.kind == "kill":
            self._crew.signal(member.now, signal.SIGKILL)
            self._gusts[f"kills of a {member.role}"] += 1
        elif member.thaws is None:
            self._crew.signal(member.now, signal.SIGSTOP)
            member.thaws = time.monotonic() + gust.seconds
            self._gusts["freezes"] += 1
        self._ground.history.says(gust.kind, role=member.role, number=member.number, lives=member.lives)

    def _thaws(self, member: _Member) -> None:
        self._crew.signal(member.now, signal.SIGCONT)
        member.thaws = None

    # ── the calm ─────────────────────────────────────────────────────────────────────────────────────────────

    def _calms(self) -> None:
        """Nothing new begins; when nothing is left to do, all are told to end, and do."""
        for member in self._members:
            if member.thaws is not None:
                self._thaws(member)
        (self._ground.home / CALM).touch()
        self._members = [each for each in self._members if not self._rests(each)]
        given_up = time.monotonic() + self.calm
        while asyncio.run(reading(self._ground, _at_work)) and time.monotonic() < given_up:
            self._goes_on_until(time.monotonic() + 1.0)
        for member in self._members:
            self._crew.signal(member.now, signal.SIGTERM)
        while self._members and time.monotonic() < given_up + self.patience:
            for number, ended in self._crew.ended(timeout=1.0).items():
                self._ends(number, ended)
        self._failures += [f"a {each.role} does not end when it is told to" for each in self._members]

    def _rests(self, member: _Member) -> bool:
        """Whoever starts runs has nothing to do in a calm, and ends by itself."""
        if member.role != "starter":
            return False
        given_up = time.monotonic() + self.patience
        while time.monotonic() < given_up:
            ended = self._crew.ended(timeout=1.0)
            mine = ended.pop(member.now, None)
            for number, other in ended.items():  # at the same time, of what came before the calm
                self._has_ended(number, other)
            if mine is not None:
                self._failures += [f"a starter failed: {mine.error}"] if mine.error else []
                return True
        self._failures.append("a starter does not end in a calm")
        return True

    def _ends(self, number: int, ended: Ended) -> None:
        member = next((each for each in self._members if each.now == number), None)
        if member is None:
            return
        self._members.remove(member)
        if ended.signal == signal.SIGTERM and not self._has_begun(member):
            return  # it was told before it could hear
        if ended.error or (ended.signal and not ended.killed):
            self._failures.append(f"a {member.role} failed when it was told to end: {ended.error or ended.signal}")

    def _has_begun(self, member: _Member) -> bool:
        return member.name in {line["name"] for line in self._ground.history.told("begins")}


async def _nothing(store: Any) -> None:
    """To open it is enough."""


async def _at_work(store: Any) -> bool:
    try:
        return bool((await store.fetch(ListRuns(AT_WORK, limit=1))).items)
    except StoreUnavailable:
        return True

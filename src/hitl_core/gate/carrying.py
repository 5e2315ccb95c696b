"""One effect under way: begin on entry, report on exit."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

from ..commands import Effect
from ..errors import RAN, RecordError, ResultNotKept
from ..protocol import Arguments, Failed, Json, Outcome, Proceed
from ..tools import Call, running

if TYPE_CHECKING:
    from .gate import Gate


class Carrying:
    """One effect under way. The body sets `outcome`; without one the effect stays in doubt, which is the truth.

    An exception of `suspends` means that the tool itself paused: it will be begun again. Any other Exception is
    recorded as a failure (ResultNotKept as what it says: the tool ran); a cancelled task or a dying process leaves
    the effect in doubt. On entry raises LeaseLost, Stopped, DigestMismatch or AlreadyStarted: then nothing ran. In a
    worker thread use `with`. `returned`: what neutral tools have returned meanwhile, the call's own as the last.
    """

    def __init__(self, gate: Gate, allowed: Proceed, suspends: tuple[type[BaseException], ...]) -> None:
        self.outcome: Outcome | None = None
        self.arguments: Arguments = dict(allowed.action.arguments)
        self._gate, self._allowed, self._suspends = gate, allowed, suspends
        self.returned: list[Json] = []
        self._begun: Effect | None = None
        self._marks = ExitStack()

    async def __aenter__(self) -> Self:
        return self._mark(await self._gate.begin(self._allowed))

    async def __aexit__(self, kind: object, exc: BaseException | None, trace: object) -> None:
        self._marks.close()
        await self._settle(exc)

    def __enter__(self) -> Self:
        return self._mark(self._gate.blocking(self._gate.begin(self._allowed)))

    def __exit__(self, kind: object, exc: BaseException | None, trace: object) -> None:
        self._marks.close()
        self._gate.blocking(self._settle(exc))

    def _mark(self, begun: Effect) -> Self:
        self._begun = begun
        self._marks.enter_context(running(Call(self._gate.run.id, begun.call, begun.attempts), self.returned))
        return self

    async def _settle(self, exc: BaseException | None) -> None:
        assert self._begun is not None
        if exc is None:
            if self.outcome is not None:
                await self._report(self._begun, self.outcome)
        elif isinstance(exc, self._suspends):
            await self._gate.end(self._begun, None)
        elif isinstance(exc, ResultNotKept):
            await self._gate.end(self._begun, Failed(str(exc)))
        elif isinstance(exc, Exception):
            await self._gate.end(self._begun, Failed(f"{type(exc).__name__}: {exc}"[:4000]))

    async def _report(self, begun: Effect, outcome: Outcome) -> None:
        """A result that cannot be kept must not look as if nobody knew that the tool has run."""
        try:
            await self._gate.end(begun, outcome)
        except RecordError as exc:
            unkept = ResultNotKept.because(exc)
            await self._gate.end(begun, Failed(str(unkept)))
            raise unkept from exc


def tried(error: str) -> str:
    """What the agent is told about a call that is recorded as failed with this error: now, and whenever it is told."""
    return error if error.startswith(RAN) else f"This call was tried and failed: {error}"


def unchecked(why: object) -> str:
    """What the agent is told about a call of which something kept the gate from asking anybody."""
    return f"This call was refused before anybody was asked, and did not run: {why}"


HALTED: Final = "This run stops here; what became of this call stands in its record."
"""What a framework is told about a call in which the turn ends: it may have begun. No model is to read it."""

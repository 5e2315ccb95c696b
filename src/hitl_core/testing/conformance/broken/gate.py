"""How a gate is broken: an adapter that does not do what the gate says would have it, and effects nobody records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Final, Self, cast

from ....contracts import Ending, Turn
from ....gate import Form, Gate
from ....protocol import Action, Proceed, Verdict
from ..world import Parts
from .adapters import BrokenAdapter

NO_FORM: Final = Form()


class BrokenGate:
    """A gate around the sound one, as an adapter that does not do what the gate says would have it."""

    parts: ClassVar[Parts]

    def __init__(self, inner: Gate) -> None:
        self.inner = inner
        self.unasked: set[str] = set()
        """Calls that run whatever the store says about them."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @classmethod
    def made_of(cls) -> Parts:
        class Breaking(BrokenAdapter):
            async def advance(self, turn: Turn) -> Ending:
                return await self._inner.advance(replace(turn, gate=cast("Gate", cls(turn.gate))))

        return Parts(adapter=Breaking)

    async def propose(self, action: Action, *, call: str, form: Form = NO_FORM) -> Verdict:
        said = await self.inner.propose(action, call=call, form=form)
        return await self.heard(said, action, call)

    async def heard(self, said: Verdict, action: Action, call: str) -> Verdict:
        """What becomes of a verdict on its way to the adapter."""
        return said

    def carry_out(self, allowed: Proceed, *, suspends: tuple[type[BaseException], ...] = ()) -> Any:
        if allowed.call in self.unasked:
            return Unrecorded(allowed)
        return self.inner.carry_out(allowed, suspends=suspends)

    def lets_run(self, action: Action, call: str) -> Proceed:
        """Let a call run that nobody has let run."""
        self.unasked.add(call)
        self.inner.questions.waiting.pop(call, None)  # else the pause would be seen
        return Proceed(action, call=call)


class Unrecorded:
    """Carries out an effect without beginning it and without saying what came of it."""

    def __init__(self, allowed: Proceed) -> None:
        self.arguments = dict(allowed.action.arguments)
        self.outcome: Any = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...
